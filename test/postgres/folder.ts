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
import { type Account, canUse, isRoot, serverAccount, temporaryFolders } from './account';
import { readLockOwner, acquireLock } from './folder-lock';
import { stopOrphanedPostmaster } from './postmaster';

const TEMPORARY_PREFIX = 'good-job-console-temporary-';

/** The files of one server: PostgreSQL's data folder, with the log and the lock next to it. */
export interface ServerFolder {
  dataDir: string;
  logFile: string;
  account: Account | undefined;
  /** The folder to remove at the end; only for a temporary server. */
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
      throw new Error(`${dataDir} is not a folder; choose another location for the database.`);
    return undefined;
  }
}

/** Whether the account can access and own the folder with mode 0700, which some mounts lack. */
async function isUsable(dataDir: string, account: Account | undefined): Promise<boolean> {
  let probe: string | undefined;
  try {
    await mkdir(path.dirname(dataDir), { recursive: true });
    probe = await mkdtemp(`${dataDir}.trial-`);
    if (account) await chown(probe, account.uid, account.gid);
    await chmod(probe, 0o700);
    const { uid, mode } = await stat(probe);
    return (
      uid === (account?.uid ?? process.geteuid?.()) &&
      (mode & 0o777) === 0o700 &&
      canUse(account, probe)
    );
  } catch {
    return false;
  } finally {
    if (probe) await rmdir(probe).catch(() => {});
  }
}

/**
 * Creates a folder below a temporary one that others can traverse but not list. Its name is
 * predictable, so a folder of another user is not accepted.
 */
async function ownTemporaryFolder(name: string, account: Account | undefined): Promise<string> {
  for (const base of temporaryFolders(account)) {
    const folder = path.join(base, name);
    await mkdir(folder, { mode: 0o711 }).catch(() => {});
    const stats = await lstat(folder).catch(() => undefined);
    if (!stats?.isDirectory() || stats.uid !== process.geteuid?.()) continue;
    await chmod(folder, 0o711);
    return folder;
  }
  throw new Error(
    'No temporary folder can be used for the database; set TMPDIR to a folder that every user can reach.',
  );
}

/** Data created by an ordinary user stays that user's when root runs the same command. */
function accountForExisting({ uid, gid }: Stats): Account | undefined {
  if (!isRoot()) return undefined;
  return uid === 0 ? serverAccount() : { uid, gid };
}

async function locate(
  requestedDir: string,
): Promise<{ dataDir: string; account: Account | undefined }> {
  const dataDir = path.resolve(requestedDir);
  const existing = await existingData(dataDir);
  if (existing) {
    return { dataDir, account: accountForExisting(existing) };
  }
  const entries = await readdir(dataDir).catch(() => []);
  if (entries.length > 0)
    throw new Error(
      `The folder ${dataDir} is not empty and holds no PostgreSQL data; empty it or choose another.`,
    );
  const account = serverAccount();
  if (await isUsable(dataDir, account)) return { dataDir, account };
  const key = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const fallbackDir = path.join(
    await ownTemporaryFolder(`good-job-console-data-${process.geteuid?.()}-${key}`, account),
    'data',
  );
  return { dataDir: fallbackDir, account };
}

/** Removes temporary servers of killed runs. */
async function removeAbandoned(base: string): Promise<void> {
  for (const name of await readdir(base).catch(() => [])) {
    const folder = path.join(base, name);
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const stats = await lstat(folder).catch(() => undefined);
    if (!stats?.isDirectory() || stats.uid !== process.geteuid?.()) continue;
    if ((await readLockOwner(path.join(folder, 'data.lock')))?.state !== 'dead') continue;
    try {
      await stopOrphanedPostmaster(path.join(folder, 'data'), 'immediate');
      await rm(folder, { recursive: true, force: true });
    } catch {
      // Another starting run may be removing it.
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

/** Locates the folder of a server and locks it. Without a path it is temporary. */
export async function claimFolder(requestedDir: string | undefined): Promise<ServerFolder> {
  const location =
    requestedDir === undefined
      ? await temporaryFolder()
      : { ...(await locate(requestedDir)), temporary: undefined };
  // Canonical, because an orphaned postmaster is recognised by this path.
  const dataDir = path.join(
    await realpath(path.dirname(location.dataDir)),
    path.basename(location.dataDir),
  );
  const lockFile = `${dataDir}.lock`;
  try {
    await acquireLock(lockFile, dataDir);
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
    account: location.account,
    temporary: location.temporary,
    release: () =>
      rm(location.temporary ?? lockFile, {
        recursive: true,
        force: true,
        maxRetries: 5,
        retryDelay: 100,
      }),
  };
}
