import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

interface Owner {
  pid: number;
  started: string;
  /** machine, boot and pid namespace: a pid means nothing elsewhere */
  where: string;
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

function here(): string {
  const boot = quietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  return [os.hostname(), boot, quietly(() => readlinkSync('/proc/self/ns/pid'))].join(' ');
}

/** Something that differs between a process and a later one that got the same pid; '' where it cannot be told. */
function startedAt(pid: number): string {
  if (process.platform !== 'linux')
    return (
      spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ??
      ''
    );
  const stat = quietly(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field is the program's name in parentheses and may hold spaces; the start is the 22nd.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the process that wrote a lock still runs; 'unknown' where it was written on another machine or in another container. */
export async function ownerOf(
  lockFile: string,
): Promise<{ pid: number; state: 'alive' | 'dead' | 'unknown' } | undefined> {
  const text = await readFile(lockFile, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  let owner: Owner;
  try {
    owner = JSON.parse(text) as Owner;
  } catch {
    return { pid: 0, state: 'unknown' };
  }
  const { pid, started, where } = owner;
  if (where !== here()) return { pid, state: 'unknown' };
  if (!isAlive(pid)) return { pid, state: 'dead' };
  const now = startedAt(pid);
  return { pid, state: now !== '' && started !== '' && now !== started ? 'dead' : 'alive' };
}

/**
 * Takes the lock of a folder for this process or throws one sentence.
 * Without it a second run could not tell a server that a killed run left behind (which it must stop) from one in use (which it must not).
 */
export async function takeLock(lockFile: string, folder: string): Promise<void> {
  const owner: Owner = { pid: process.pid, started: startedAt(process.pid), where: here() };
  const draft = path.join(
    path.dirname(lockFile),
    `.${path.basename(lockFile)}-${process.pid}-${Math.random().toString(36).slice(2)}`,
  );
  await writeFile(draft, JSON.stringify(owner));
  try {
    for (;;) {
      try {
        // A link appears with its content, so nobody reads an empty lock.
        await link(draft, lockFile);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = await ownerOf(lockFile);
      if (holder?.state === 'alive') {
        const who = holder.pid === process.pid ? 'this very process' : `process ${holder.pid}`;
        throw new Error(
          `The database in ${folder} is in use by ${who}; stop that one first or use another folder.`,
        );
      }
      await rm(lockFile, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}
