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

/** Environment variables that select the folder; `process.env` outside of tests. */
export type FolderSource = Record<string, string | undefined>;

const FOLDER_NAME = 'good-job-console';
/** undefined on Windows, where the temporary folder is private and modes have no meaning. */
const uid = process.getuid?.();
const MAX_FILE_BYTES = 4_096;

/** Owned by this user and without permissions for others. */
function isPrivate(stats: Stats): boolean {
  return uid === undefined || (stats.uid === uid && (stats.mode & 0o077) === 0);
}

function statOf(file: string): Stats | null {
  return lstatSync(file, { throwIfNoEntry: false }) ?? null;
}

/** Whether only this user can access the folder. False for a symbolic link. */
export function isPrivateFolder(folder: string): boolean {
  try {
    const stats = statOf(folder);
    return stats !== null && stats.isDirectory() && isPrivate(stats);
  } catch {
    return false;
  }
}

/** The text of a small file; null if it is missing, a symbolic link, or accessible to others. */
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

/** Another owner could replace the folder. `sudo` often preserves such an environment variable. */
function isOwnFolder(folder: string | undefined): folder is string {
  try {
    const stats = folder === undefined || folder === '' ? null : statOf(folder);
    return stats !== null && stats.isDirectory() && (uid === undefined || stats.uid === uid);
  } catch {
    return false;
  }
}

const temporaryFolder = (folder: string) => path.join(folder, `${FOLDER_NAME}-${uid ?? 'user'}`);

/** Candidates for new folders, best first: systemd, login session, temporary folder. */
function foldersToCreate(source: FolderSource): string[] {
  const ownFolders = [source.RUNTIME_DIRECTORY?.split(':')[0], source.XDG_RUNTIME_DIR].filter(
    isOwnFolder,
  );
  return [
    ...ownFolders.map((folder) => path.join(folder, FOLDER_NAME)),
    temporaryFolder(source.TMPDIR || tmpdir()),
  ];
}

/** Existing candidates, including those of servers started with other environment variables. */
export function foldersToSearch(source: FolderSource): string[] {
  const sessionFolders = uid === undefined ? [] : [`/run/user/${uid}`].filter(isOwnFolder);
  const folders = [
    ...foldersToCreate(source),
    ...sessionFolders.map((folder) => path.join(folder, FOLDER_NAME)),
    temporaryFolder('/tmp'),
  ];
  return [...new Set(folders)].filter(isPrivateFolder);
}

/**
 * Returns the folder of this user's servers, created if missing. Throws EnvError if none is
 * private.
 */
export function ensurePrivateFolder(source: FolderSource): string {
  const folders = foldersToCreate(source);
  for (const folder of folders) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch {
      // It exists, or the next candidate is tried.
    }
    if (isPrivateFolder(folder)) return folder;
  }
  throw new EnvError(
    `TMPDIR must be a folder where ${folders.at(-1)} can be a folder of mode 0700 ` +
      'that belongs to this user: the server and npm run token share it.',
  );
}
