import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import path from 'node:path';
import { ownerOf, takeLock } from './folder-lock';
import { type Account, canUse, isRoot, serverAccount, temporaryFolders } from './postgres-account';
import { endLeftPostmaster } from './postmaster';

const TEMPORARY_PREFIX = 'good-job-console-temporary-';

/** Where one server keeps its things: `data` is PostgreSQL's own folder, the log and the lock stand beside it. */
export interface ServerFolder {
  dataDir: string;
  logFile: string;
  account: Account | undefined;
  /** the whole folder to remove at the end, for a temporary server */
  temporary: string | undefined;
  release(): Promise<void>;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

async function existingData(dataDir: string): Promise<Stats | undefined> {
  try {
    return await stat(path.join(dataDir, 'PG_VERSION'));
  } catch (error) {
    if (codeOf(error) === 'EACCES') {
      throw new Error(
        `The database in ${dataDir} belongs to another user; run this as that user, or use another folder.`,
      );
    }
    if (codeOf(error) === 'ENOTDIR')
      throw new Error(`${dataDir} is not a folder; choose another place for the database.`);
    return undefined;
  }
}

/**
 * Whether the account could keep its data there: it must reach the folder, own it,
 * and have it to itself (mode 0700), which some mounts do not offer.
 */
async function isUsable(dataDir: string, account: Account | undefined): Promise<boolean> {
  let trial: string | undefined;
  try {
    await mkdir(path.dirname(dataDir), { recursive: true });
    trial = await mkdtemp(`${dataDir}.trial-`);
    if (account) await chown(trial, account.uid, account.gid);
    await chmod(trial, 0o700);
    const { uid, mode } = await stat(trial);
    return (
      uid === (account?.uid ?? process.geteuid?.()) &&
      (mode & 0o777) === 0o700 &&
      canUse(account, trial)
    );
  } catch {
    return false;
  } finally {
    if (trial) await rmdir(trial).catch(() => {});
  }
}

/**
 * A folder of ours under a temporary one: others can pass through it but not list it.
 * Its name can be guessed, so it must not be somebody else's.
 */
async function ownTemporaryFolder(name: string, account: Account | undefined): Promise<string> {
  for (const base of temporaryFolders(account)) {
    const folder = path.join(base, name);
    await mkdir(folder, { mode: 0o711 }).catch(() => {});
    const found = await lstat(folder).catch(() => undefined);
    if (!found?.isDirectory() || found.uid !== process.geteuid?.()) continue;
    await chmod(folder, 0o711);
    return folder;
  }
  throw new Error(
    'No temporary folder can be used for the database; set TMPDIR to a folder that every user can reach.',
  );
}

async function locate(wanted: string): Promise<{ dataDir: string; account: Account | undefined }> {
  const dataDir = path.resolve(wanted);
  const existing = await existingData(dataDir);
  if (existing) {
    // Data that an ordinary user made stays that user's when root runs the same command.
    const account = !isRoot()
      ? undefined
      : existing.uid === 0
        ? serverAccount()
        : { uid: existing.uid, gid: existing.gid };
    return { dataDir, account };
  }
  const entries = await readdir(dataDir).catch(() => []);
  if (entries.length > 0)
    throw new Error(
      `The folder ${dataDir} is not empty and holds no PostgreSQL data; empty it or choose another.`,
    );
  const account = serverAccount();
  if (await isUsable(dataDir, account)) return { dataDir, account };
  const key = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const moved = path.join(
    await ownTemporaryFolder(`good-job-console-data-${process.geteuid?.()}-${key}`, account),
    'data',
  );
  return { dataDir: moved, account };
}

/** A run that was killed could not remove its temporary server: the next one does, once that run is surely gone. */
async function removeAbandoned(base: string): Promise<void> {
  for (const name of await readdir(base).catch(() => [])) {
    const folder = path.join(base, name);
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const found = await lstat(folder).catch(() => undefined);
    if (!found?.isDirectory() || found.uid !== process.geteuid?.()) continue;
    if ((await ownerOf(path.join(folder, 'data.lock')))?.state !== 'dead') continue;
    try {
      await endLeftPostmaster(path.join(folder, 'data'), 'immediate');
      await rm(folder, { recursive: true, force: true });
    } catch {
      // Another start may be removing it at this moment; nothing depends on it.
    }
  }
}

async function temporaryFolder(): Promise<{
  dataDir: string;
  account: Account | undefined;
  temporary: string;
}> {
  const account = serverAccount();
  const base = temporaryFolders(account)[0];
  if (!base)
    throw new Error(
      'No temporary folder can be used for the database; set TMPDIR to a folder that every user can reach.',
    );
  await removeAbandoned(await realpath(base));
  const temporary = await mkdtemp(path.join(await realpath(base), TEMPORARY_PREFIX));
  await chmod(temporary, 0o711);
  return { dataDir: path.join(temporary, 'data'), account, temporary };
}

/** Finds the folder of a server and locks it; without `wanted` a fresh temporary one that release() removes. */
export async function claimFolder(wanted: string | undefined): Promise<ServerFolder> {
  const place =
    wanted === undefined
      ? await temporaryFolder()
      : { ...(await locate(wanted)), temporary: undefined };
  // One spelling of the path: a left-over postmaster is recognised by it.
  const dataDir = path.join(
    await realpath(path.dirname(place.dataDir)),
    path.basename(place.dataDir),
  );
  const lockFile = `${dataDir}.lock`;
  try {
    await takeLock(lockFile, dataDir);
  } catch (error) {
    const code = codeOf(error);
    if (code)
      throw new Error(
        `The folder ${path.dirname(dataDir)} cannot be written to (${code}); use another folder for the database.`,
      );
    throw error;
  }
  return {
    dataDir,
    logFile: `${dataDir}.log`,
    account: place.account,
    temporary: place.temporary,
    release: () =>
      rm(place.temporary ?? lockFile, {
        recursive: true,
        force: true,
        maxRetries: 5,
        retryDelay: 100,
      }),
  };
}
