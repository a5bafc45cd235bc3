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
/** The owner's file is touched this often; a folder of another machine or container is abandoned after three times. */
const TOUCH_MS = 20_000;
const ABANDONED_MS = 3 * TOUCH_MS;

const ownerSchema = z.object({
  pid: z.number().int().positive(),
  /** Of the process of this id, which another one may have later. */
  startedAt: z.string(),
  /** The machine and its namespace of process ids: only there the id means anything. */
  host: z.string(),
});

/**
 * A folder for this process alone, in RUNTIME_DIRECTORY (systemd's) or else TMPDIR. It is removed when the process
 * exits; what killed servers left is removed now, and again when their files are old enough. Throws EnvError.
 */
export function createCopyFolder(source: Record<string, string | undefined>): string {
  const place = source.RUNTIME_DIRECTORY?.split(':')[0] || source.TMPDIR || tmpdir();
  const name = source.RUNTIME_DIRECTORY ? 'RUNTIME_DIRECTORY' : 'TMPDIR';
  removeAbandoned(place);
  const folder = makeFolder(place, name);
  const owner = path.join(folder, OWNER);
  const { pid } = process;
  writeFileSync(owner, JSON.stringify({ pid, startedAt: startOf(pid), host: host() }));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  setInterval(() => touch(owner), TOUCH_MS).unref();
  setTimeout(() => removeAbandoned(place), ABANDONED_MS + TOUCH_MS).unref();
  return folder;
}

function makeFolder(place: string, name: string): string {
  try {
    return mkdtempSync(path.join(place, PREFIX));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new EnvError(
      `${name} must be a folder that can be written to, since a server with a BASE_PATH has its own copy of the build there; ${place} is not (${code}).`,
    );
  }
}

/** Removes the folders of servers of this user that ended without doing it themselves. */
export function removeAbandoned(place: string): void {
  let names: string[];
  try {
    names = readdirSync(place).filter((name) => name.startsWith(PREFIX));
  } catch {
    return;
  }
  for (const name of names) {
    const folder = path.join(place, name);
    try {
      if (isOwn(folder) && isAbandoned(folder)) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another server that starts now removes it, too.
    }
  }
}

function isOwn(folder: string): boolean {
  const stats = lstatSync(folder);
  return stats.isDirectory() && (process.getuid === undefined || stats.uid === process.getuid());
}

function isAbandoned(folder: string): boolean {
  const file = path.join(folder, OWNER);
  let owner: z.infer<typeof ownerSchema>;
  try {
    owner = ownerSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // Of a release that wrote no owner, or of a server that is just making it. Other folders may have such a name.
    return false;
  }
  if (owner.host !== host()) return Date.now() - statSync(file).mtimeMs > ABANDONED_MS;
  return startOf(owner.pid) !== owner.startedAt;
}

function touch(file: string): void {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // `/readyz` says that the files are gone.
  }
}

/** Changes when another process gets the id; '' for a process that is not there. */
function startOf(pid: number): string {
  try {
    // The second field, the name, may hold spaces and brackets.
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

function host(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
