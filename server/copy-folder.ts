import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { EnvError } from '../lib/config/values';

const PREFIX = 'good-job-console-';
const OWNER = 'owner.json';
/**
 * The owner touches its file at this interval; a foreign folder is abandoned after three of them.
 */
const TOUCH_MS = 20_000;
const ABANDONED_MS = 3 * TOUCH_MS;

const ownerSchema = z.object({
  pid: z.number().int().positive(),
  /** Distinguishes this process from a later one with the same id. */
  startedAt: z.string(),
  /** Machine and pid namespace, outside of which the pid is meaningless. */
  host: z.string(),
});

/**
 * Creates a folder for this process in RUNTIME_DIRECTORY (set by systemd) or TMPDIR and removes it
 * on exit. Also removes folders of killed servers, now and once more when they count as abandoned.
 * Throws EnvError if the parent is not writable.
 */
export function createCopyFolder(source: Record<string, string | undefined>): string {
  const parent = source.RUNTIME_DIRECTORY?.split(':')[0] || source.TMPDIR || tmpdir();
  const name = source.RUNTIME_DIRECTORY ? 'RUNTIME_DIRECTORY' : 'TMPDIR';
  removeAbandoned(parent);
  const folder = makeTemporaryFolder(parent, name);
  const owner = path.join(folder, OWNER);
  const { pid } = process;
  writeFileSync(owner, JSON.stringify({ pid, startedAt: processStartedAt(pid), host: hostId() }));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  setInterval(() => touch(owner), TOUCH_MS).unref();
  setTimeout(() => removeAbandoned(parent), ABANDONED_MS + TOUCH_MS).unref();
  return folder;
}

function makeTemporaryFolder(parent: string, name: string): string {
  try {
    return mkdtempSync(path.join(parent, PREFIX));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new EnvError(
      `${name} must be a folder that is writable, because a server with a BASE_PATH ` +
        `stores its copy of the build there; ${parent} is not (${code}).`,
    );
  }
}

/** Removes folders of this user's servers that were killed. */
export function removeAbandoned(parent: string): void {
  let names: string[];
  try {
    names = readdirSync(parent).filter((name) => name.startsWith(PREFIX));
  } catch {
    return;
  }
  for (const name of names) {
    const folder = path.join(parent, name);
    try {
      if (isOwnFolder(folder) && isAbandoned(folder))
        rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another starting server may be removing it.
    }
  }
}

function isOwnFolder(folder: string): boolean {
  const stats = lstatSync(folder);
  return stats.isDirectory() && (process.getuid === undefined || stats.uid === process.getuid());
}

function isAbandoned(folder: string): boolean {
  const file = path.join(folder, OWNER);
  let owner: z.infer<typeof ownerSchema>;
  try {
    owner = ownerSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // Written by an older release, not complete yet, or unrelated.
    return false;
  }
  if (owner.host !== hostId()) return Date.now() - statSync(file).mtimeMs > ABANDONED_MS;
  return processStartedAt(owner.pid) !== owner.startedAt;
}

function touch(file: string): void {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // `/readyz` reports missing files.
  }
}

/** Start time of the process in clock ticks since boot; '' if it does not exist. */
function processStartedAt(pid: number): string {
  try {
    // The second field, the command name, may contain spaces and brackets.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[19] ?? '';
  } catch {
    return isAlive(pid) ? 'alive' : '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function hostId(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
