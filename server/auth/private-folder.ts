import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  type Stats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EnvError } from '../../lib/config/values';

/** What decides where the folder is; `process.env` outside of tests. */
export type FolderSource = Record<string, string | undefined>;

const NAME = 'good-job-console';
/** undefined on Windows, where the temporary folder is the user's own and modes mean nothing. */
const uid = process.getuid?.();
const MAX_FILE_BYTES = 4_096;

/** Nobody else may read or write it, and it belongs to the user of this process. */
function isPrivate(stats: Stats): boolean {
  return uid === undefined || (stats.uid === uid && (stats.mode & 0o077) === 0);
}

function statOf(file: string): Stats | null {
  return lstatSync(file, { throwIfNoEntry: false }) ?? null;
}

/** A folder that only this user can enter. A symbolic link is none. */
export function isPrivateFolder(folder: string): boolean {
  try {
    const stats = statOf(folder);
    return stats !== null && stats.isDirectory() && isPrivate(stats);
  } catch {
    return false;
  }
}

/** The text of a small private file; null where it is missing, a link, somebody else's, or readable by others. */
export function readPrivateFile(file: string): string | null {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    const stats = fstatSync(descriptor);
    return stats.isFile() && isPrivate(stats) && stats.size <= MAX_FILE_BYTES
      ? readFileSync(descriptor, 'utf8')
      : null;
  } catch {
    return null;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** A parent that another user owns could be exchanged below us; `sudo` often leaves such a variable behind. */
function isOwn(folder: string | undefined): folder is string {
  try {
    const stats = folder === undefined || folder === '' ? null : statOf(folder);
    return stats !== null && stats.isDirectory() && (uid === undefined || stats.uid === uid);
  } catch {
    return false;
  }
}

const inTemporary = (folder: string) => path.join(folder, `${NAME}-${uid ?? 'user'}`);

/** Where servers of this user put their folders, best first: systemd's, the login session's, the temporary one. */
function placesToCreate(source: FolderSource): string[] {
  const own = [source.RUNTIME_DIRECTORY?.split(':')[0], source.XDG_RUNTIME_DIR].filter(isOwn);
  return [...own.map((folder) => path.join(folder, NAME)), inTemporary(source.TMPDIR || tmpdir())];
}

/** The same, and where a server that was started with other variables may have put its folder. */
export function placesToSearch(source: FolderSource): string[] {
  const session = uid === undefined ? [] : [`/run/user/${uid}`].filter(isOwn);
  const places = [
    ...placesToCreate(source),
    ...session.map((folder) => path.join(folder, NAME)),
    inTemporary('/tmp'),
  ];
  return [...new Set(places)].filter(isPrivateFolder);
}

/** The folder of this user's servers, created if missing. Throws EnvError where no place is private. */
export function ensurePrivateFolder(source: FolderSource): string {
  const places = placesToCreate(source);
  for (const folder of places) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch {
      // It exists, or the next place has to do.
    }
    if (isPrivateFolder(folder)) return folder;
  }
  throw new EnvError(
    `TMPDIR must be a folder where ${places.at(-1)} can be a folder of mode 0700 that belongs to this user: the server and npm run token meet there.`,
  );
}
