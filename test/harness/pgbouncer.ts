import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { chown, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port';
import { serverAccount, serverEnvironment, temporaryFolders } from './postgres-account';

export interface PgBouncer {
  port: number;
  /** The same database through the pooler. */
  through(url: string): string;
  /** Transactions that it has carried so far; those of databases that were dropped since may be missing. */
  transactions(): Promise<number>;
  stop(): Promise<void>;
}

export const NO_PGBOUNCER =
  'There is no pgbouncer on this machine (Debian: apt-get install pgbouncer), so nothing was tested behind it.';

const ATTEMPTS = 5;
const START_TIMEOUT_MS = 10_000;

/** Debian puts it where an ordinary user's PATH does not look. */
export function findPgBouncer(): string | undefined {
  const folders = ['/usr/sbin', ...(process.env.PATH ?? '').split(path.delimiter)].filter(Boolean);
  return folders.map((folder) => path.join(folder, 'pgbouncer')).find((file) => existsSync(file));
}

/** As it stands in ini and user files: in double quotes, which are doubled inside. */
const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

/**
 * The pooler as an operator would have it, where it differs from Debian's file made stricter: fewer connections than
 * the console opens, each used in turn, so that whatever a session leaves behind meets the next transaction. No
 * start-up parameter is ignored and no session is reset.
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

/**
 * Starts the machine's PgBouncer in transaction mode on 127.0.0.1, in front of the server of `url`, whose user is the
 * one that it lets in. Rejects with what it printed when it does not start.
 */
export async function startPgBouncer(url: string): Promise<PgBouncer> {
  const program = findPgBouncer();
  if (!program) throw new Error(NO_PGBOUNCER);
  const server = new URL(url);
  const account = serverAccount();
  const base = temporaryFolders(account)[0];
  if (!base)
    throw new Error(
      'No temporary folder can be used for PgBouncer; set TMPDIR to a folder that every user can reach.',
    );
  const folder = await mkdtemp(path.join(await realpath(base), 'good-job-console-pgbouncer-'));
  // It refuses to run as root, and the file of its users holds a password.
  if (account) await chown(folder, account.uid, account.gid);
  const place = async (name: string, text: string) => {
    const file = path.join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    if (account) await chown(file, account.uid, account.gid);
    return file;
  };
  const users = await place(
    'users',
    `${quoted(decodeURIComponent(server.username))} ${quoted(decodeURIComponent(server.password))}\n`,
  );
  let child: ChildProcess | undefined;
  const removeAtOnce = () => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', removeAtOnce);
  const stop = async () => {
    process.off('exit', removeAtOnce);
    if (child && !hasEnded(child)) {
      const gone = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    await rm(folder, { recursive: true, force: true });
  };
  const at = (port: number, database?: string) => (address: string) => {
    const through = new URL(address);
    through.hostname = '127.0.0.1';
    through.port = String(port);
    if (database) through.pathname = `/${database}`;
    return through.href;
  };
  let said = '';
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const file = await place('pgbouncer.ini', configuration(server, port, users));
    said = '';
    const started = spawn(program, [file], {
      ...account,
      cwd: '/',
      env: serverEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child = started;
    started.on('error', (error) => (said += error.message));
    started.stderr.on(
      'data',
      (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-10_000)),
    );
    for (
      const limit = Date.now() + START_TIMEOUT_MS;
      Date.now() < limit && !hasEnded(started);
      await sleep(20)
    ) {
      if (!/process up/.test(said)) continue;
      return {
        port,
        through: at(port),
        transactions: () => transactions(at(port, 'pgbouncer')(url)),
        stop,
      };
    }
    // The port may have been taken since we looked.
    if (!/Address already in use/.test(said)) break;
  }
  await stop();
  throw new Error(`PgBouncer did not start: ${said.trim().split('\n').slice(-4).join(' | ')}`);
}

async function transactions(url: string): Promise<number> {
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
