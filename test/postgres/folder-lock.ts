import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

interface Owner {
  pid: number;
  started: string;
  /** Machine, boot and pid namespace, outside of which the pid is meaningless. */
  where: string;
}

function emptyOnError(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

function currentHost(): string {
  const boot = emptyOnError(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  return [os.hostname(), boot, emptyOnError(() => readlinkSync('/proc/self/ns/pid'))].join(' ');
}

/**
 * The start time of a process, which distinguishes it from a later one with the same pid; '' if it
 * is unknown.
 */
function startedAt(pid: number): string {
  if (process.platform !== 'linux')
    return (
      spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ??
      ''
    );
  const stat = emptyOnError(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field, the command name in parentheses, may contain spaces; the start is the 22nd.
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

/** The owner of a lock and its state; 'unknown' on another machine or in another container. */
export async function readLockOwner(
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
  if (where !== currentHost()) return { pid, state: 'unknown' };
  if (!isAlive(pid)) return { pid, state: 'dead' };
  const current = startedAt(pid);
  const isReused = current !== '' && started !== '' && current !== started;
  return { pid, state: isReused ? 'dead' : 'alive' };
}

/**
 * Locks a folder for this process or throws one sentence. The lock distinguishes the server of a
 * killed run, which the next run must stop, from one in use, which it must not.
 */
export async function acquireLock(lockFile: string, folder: string): Promise<void> {
  const owner: Owner = { pid: process.pid, started: startedAt(process.pid), where: currentHost() };
  const draft = path.join(
    path.dirname(lockFile),
    `.${path.basename(lockFile)}-${process.pid}-${Math.random().toString(36).slice(2)}`,
  );
  await writeFile(draft, JSON.stringify(owner));
  try {
    for (;;) {
      try {
        // A hard link appears together with its content, so no process reads an empty lock.
        await link(draft, lockFile);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = await readLockOwner(lockFile);
      if (holder?.state === 'alive') {
        const who = holder.pid === process.pid ? 'this very process' : `process ${holder.pid}`;
        throw new Error(
          `The database in ${folder} is in use by ${who}; stop it first or use another folder.`,
        );
      }
      await rm(lockFile, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}
