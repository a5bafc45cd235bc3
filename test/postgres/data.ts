import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Account, serverEnvironment } from './account';
import type { Binaries } from './binaries';
import type { ServerFolder } from './folder';

const PASSWORD_FILE = 'superuser-password';

/** Prefers C.UTF-8, so that upper() and \w handle Unicode as in production; macOS lacks it. */
function localeChoices(major: number): string[][] {
  if (major < 17) return [['--locale=C.UTF-8'], ['--locale=C']];
  const provider = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  return [
    [...provider, '--locale=C.UTF-8'],
    [...provider, '--locale=C'],
  ];
}

function runInitdb(
  file: string,
  account: Account | undefined,
  args: string[],
  watch: (child: ChildProcess) => void,
): Promise<{ ok: boolean; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      ...account,
      cwd: '/',
      env: serverEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    watch(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

async function initialise(
  folder: ServerFolder,
  binaries: Binaries,
  args: string[],
  watch: (child: ChildProcess) => void,
): Promise<void> {
  let output = '';
  for (const locale of localeChoices(binaries.major)) {
    const result = await runInitdb(binaries.initdb, folder.account, [...args, ...locale], watch);
    if (result.ok) return;
    output = result.output;
    if (!output.includes('invalid locale')) break;
  }
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  throw new Error(
    `PostgreSQL could not create its files in ${folder.dataDir}: ${lines.slice(-3).join(' | ')}`,
  );
}

async function existingPassword(dataDir: string, major: number): Promise<string | undefined> {
  const version = await readFile(path.join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined) return undefined;
  if (Number(version) !== major) {
    throw new Error(
      `The database in ${dataDir} was created by PostgreSQL ${version.trim()} ` +
        `and this is ${major}; remove it or use another folder.`,
    );
  }
  const password = await readFile(path.join(dataDir, PASSWORD_FILE), 'utf8').catch(() => '');
  if (password === '')
    throw new Error(
      `The database in ${dataDir} was not created by this program (it has no ${PASSWORD_FILE}); use another folder.`,
    );
  return password.trim();
}

/**
 * Creates the database files unless they exist, and returns the superuser's password. The folder is
 * renamed last, so an interrupted run leaves nothing that looks like a database.
 * @param watch receives the child process, which the caller must stop when this process ends
 */
export async function ensureData(
  folder: ServerFolder,
  binaries: Binaries,
  watch: (child: ChildProcess) => void,
): Promise<string> {
  const { dataDir, account } = folder;
  const existing = await existingPassword(dataDir, binaries.major);
  if (existing) return existing;
  const staging = `${dataDir}.new`;
  const passwordFile = `${dataDir}.new-password`;
  const password = randomBytes(16).toString('hex');
  try {
    await rm(staging, { recursive: true, force: true });
    await rm(passwordFile, { force: true });
    await mkdir(staging, { mode: 0o700 });
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (account)
      for (const file of [staging, passwordFile]) await chown(file, account.uid, account.gid);
    const args = [
      '-D',
      staging,
      '-U',
      'postgres',
      '-E',
      'UTF8',
      '--lc-messages=C',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
    ];
    // A temporary folder does not need fsync for its 1,000 files.
    if (folder.temporary) args.push('--no-sync');
    await initialise(folder, binaries, args, watch);
    await rename(passwordFile, path.join(staging, PASSWORD_FILE));
    await rename(staging, dataDir);
    return password;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw code
      ? new Error(`PostgreSQL could not create its files in ${dataDir} (${code}).`)
      : error;
  } finally {
    await rm(passwordFile, { force: true });
  }
}
