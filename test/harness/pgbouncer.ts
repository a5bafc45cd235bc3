import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { chown, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { serverAccount, serverEnvironment, temporaryFolders } from '../postgres/account';
import { freePort } from '../postgres/free-port';

export interface PgBouncer {
  port: number;
  /** Returns the URL of the same database through PgBouncer. */
  urlThroughPooler(url: string): string;
  /** Number of transactions so far, possibly without those of dropped databases. */
  transactions(): Promise<number>;
  stop(): Promise<void>;
}

export const NO_PGBOUNCER =
  'PgBouncer is not installed (Debian: apt-get install pgbouncer), so its tests were skipped.';

const ATTEMPTS = 5;
const START_TIMEOUT_MS = 10_000;

/** Searches /usr/sbin too, which is not in the PATH of an ordinary user on Debian. */
export function findPgBouncer(): string | undefined {
  const folders = ['/usr/sbin', ...(process.env.PATH ?? '').split(path.delimiter)].filter(Boolean);
  return folders.map((folder) => path.join(folder, 'pgbouncer')).find((file) => existsSync(file));
}

/** Quotes a value for the ini file and the user file. */
const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;

/**
 * Stricter than Debian's defaults: fewer connections than the console opens, used round robin, so
 * that leftover session state affects other transactions. No start-up parameter is ignored and no
 * session is reset.
 */
const configuration = (server: URL, port: number, users: string) => `[databases]
* = host=${server.hostname} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
stats_users = ${decodeURIComponent(server.username)}
pool_mode = transaction
default_pool_size = 3
server_round_robin = 1
max_client_conn = 500
`;

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Creates a folder of this account: PgBouncer refuses to run as root, and stores a password. */
async function createFolder(account: ReturnType<typeof serverAccount>): Promise<string> {
  const base = temporaryFolders(account)[0];
  if (!base)
    throw new Error(
      'No temporary folder can be used for PgBouncer; set TMPDIR to a folder that every user can reach.',
    );
  const folder = await mkdtemp(path.join(await realpath(base), 'good-job-console-pgbouncer-'));
  if (account) await chown(folder, account.uid, account.gid);
  return folder;
}

/**
 * Starts the installed PgBouncer in transaction mode on 127.0.0.1 in front of the server of `url`,
 * for the user of `url`. Rejects with its output if it does not start.
 */
export async function startPgBouncer(url: string): Promise<PgBouncer> {
  const program = findPgBouncer();
  if (!program) throw new Error(NO_PGBOUNCER);
  const server = new URL(url);
  const account = serverAccount();
  const folder = await createFolder(account);
  const writeConfigFile = async (name: string, text: string) => {
    const file = path.join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    if (account) await chown(file, account.uid, account.gid);
    return file;
  };
  const users = await writeConfigFile(
    'users',
    `${quote(decodeURIComponent(server.username))} ${quote(decodeURIComponent(server.password))}\n`,
  );
  let child: ChildProcess | undefined;
  const removeSync = () => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', removeSync);
  const stop = async () => {
    process.off('exit', removeSync);
    if (child && !hasEnded(child)) {
      const exited = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
    }
    await rm(folder, { recursive: true, force: true });
  };
  let output = '';
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const file = await writeConfigFile('pgbouncer.ini', configuration(server, port, users));
    const options: SpawnOptions = {
      ...account,
      cwd: '/',
      env: serverEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    };
    child = spawn(program, [file], options);
    const result = await waitUntilUp(child);
    if (result.isUp)
      return {
        port,
        urlThroughPooler: (address) => urlAt(port, address),
        transactions: () => countTransactions(urlAt(port, url, 'pgbouncer')),
        stop,
      };
    output = result.output;
    // Another process may have taken the port; retry.
    if (!/Address already in use/.test(output)) break;
  }
  await stop();
  throw new Error(`PgBouncer did not start: ${output.trim().split('\n').slice(-4).join(' | ')}`);
}

/** Waits until PgBouncer reports that it is up, has ended, or the timeout is over. */
async function waitUntilUp(child: ChildProcess): Promise<{ isUp: boolean; output: string }> {
  let output = '';
  child.on('error', (error) => {
    output += error.message;
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-10_000);
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && !hasEnded(child)) {
    if (/process up/.test(output)) return { isUp: true, output };
    await sleep(20);
  }
  return { isUp: false, output };
}

/** Replaces host and port of `address`, and optionally its database. */
function urlAt(port: number, address: string, database?: string): string {
  const url = new URL(address);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  if (database) url.pathname = `/${database}`;
  return url.href;
}

async function countTransactions(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ database: string; xact_count: string }>(
      'SHOW STATS_TOTALS',
    );
    return rows.reduce(
      (sum, { database, xact_count: count }) =>
        sum + (database === 'pgbouncer' ? 0 : Number(count)),
      0,
    );
  } finally {
    await client.end();
  }
}
