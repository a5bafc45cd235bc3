import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { isAlive } from './folder-lock';
import { serverEnvironment } from './postgres-account';
import type { Binaries } from './postgres-binaries';
import type { ServerFolder } from './postgres-folder';

/** fast: clients are cut and everything is written; immediate: as in a crash, the next start recovers. */
export type StopMode = 'fast' | 'immediate';

const STOP_SIGNAL = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;
const START_TIMEOUT_MS = 120_000;

export interface Launch {
  folder: ServerFolder;
  binaries: Binaries;
  password: string;
  port: number;
  settings: Record<string, string>;
  watch: (child: ChildProcess) => void;
}

export class StartFailure extends Error {
  /** port: another program has it; leftovers: processes of a killed server still end; other: as the message says */
  constructor(
    readonly reason: 'port' | 'leftovers' | 'other',
    message: string,
  ) {
    super(message);
  }
}

function pidFile(dataDir: string): string {
  return path.join(dataDir, 'postmaster.pid');
}

/** PostgreSQL's own file: the pid on its first line, the status (starting, stopping, ready) on its eighth. */
function readPidFile(dataDir: string): { pid: number; status: string } | undefined {
  try {
    const lines = readFileSync(pidFile(dataDir), 'utf8').split('\n');
    return { pid: Number(lines[0]), status: lines[7]?.trim() ?? '' };
  } catch {
    return undefined;
  }
}

/** Judged by its command line, which root can read of any user's process even where /proc/<pid>/cwd is denied; a zombie has none. */
function isPostmasterOf(pid: number, dataDir: string): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  if (process.platform === 'linux') {
    let args: string[];
    try {
      args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    } catch {
      return false;
    }
    return path.basename(args[0] ?? '') === 'postgres' && args[args.indexOf('-D') + 1] === dataDir;
  }
  const { stdout } = spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
    encoding: 'utf8',
  });
  return stdout?.includes(`/postgres -D ${dataDir} `) ?? false;
}

/**
 * Ends the postmaster that a killed run left behind on this folder, by the pid in its own file, and only if that process is one of this very folder.
 * It is stopped rather than taken over: its settings and port are those of the run that is gone.
 */
export async function endLeftPostmaster(dataDir: string, mode: StopMode = 'fast'): Promise<void> {
  const left = readPidFile(dataDir);
  if (!left) return;
  if (!isPostmasterOf(left.pid, dataDir)) {
    // The pid now belongs to some other program: PostgreSQL would take that for a running server and refuse for good.
    if (isAlive(left.pid)) await rm(pidFile(dataDir), { force: true });
    return;
  }
  const steps = [
    { signal: STOP_SIGNAL[mode], patience: 30_000 },
    { signal: 'SIGQUIT', patience: 10_000 },
    { signal: 'SIGKILL', patience: 10_000 },
  ] as const;
  for (const { signal, patience } of steps) {
    try {
      process.kill(left.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPERM') {
        throw new Error(
          `The database in ${dataDir} is still served by process ${left.pid} of another user; stop it first.`,
        );
      }
    }
    for (const end = Date.now() + patience; Date.now() < end; await sleep(20)) {
      if (!isPostmasterOf(left.pid, dataDir)) return;
    }
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** For the exit of this process, where nothing can be awaited: holds it up, 5 s at most, until the server has removed its pid file. */
export function endAtOnce(child: ChildProcess, dataDir: string, mode: StopMode): void {
  if (hasEnded(child)) return;
  child.kill(STOP_SIGNAL[mode]);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const end = Date.now() + 5000; Date.now() < end && existsSync(pidFile(dataDir));)
    Atomics.wait(clock, 0, 0, 10);
}

export async function end(child: ChildProcess, mode: StopMode): Promise<void> {
  if (hasEnded(child)) return;
  // Unreferenced since its start; while we wait for it, it must keep this process up.
  child.ref();
  const exited = new Promise<true>((resolve) => child.once('exit', () => resolve(true)));
  child.kill(STOP_SIGNAL[mode]);
  for (const [signal, patience] of [
    ['SIGQUIT', 30_000],
    ['SIGKILL', 10_000],
  ] as const) {
    const timer = new AbortController();
    const done = await Promise.race([
      exited,
      sleep(patience, false, { signal: timer.signal }).catch(() => false),
    ]);
    timer.abort();
    if (done) return;
    child.kill(signal);
  }
  await exited;
}

function lastLines(logFile: string, from: number): string {
  const text = readFileSync(logFile).subarray(from).toString('utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  // The time and pid in front of a line only lengthen a message that is read at once.
  return lines
    .slice(-4)
    .map((line) => line.replace(/^\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\] /, ''))
    .join(' | ');
}

function failure(launch: Launch, from: number, how: string): StartFailure {
  const lines = lastLines(launch.folder.logFile, from);
  const portTaken = lines.includes('could not create any TCP/IP sockets');
  const leftovers =
    /pre-existing shared memory block|lock file "postmaster\.pid" already exists/.test(lines);
  const log = launch.folder.temporary ? 'its log ended with' : `${launch.folder.logFile} ends with`;
  return new StartFailure(
    portTaken ? 'port' : leftovers ? 'leftovers' : 'other',
    `PostgreSQL ${launch.binaries.major} did not start in ${launch.folder.dataDir}: ${how}; ${log}: ${lines || 'nothing'}`,
  );
}

/** Whether it answers with our own password, so the port is surely that of the server just started. */
async function answers(launch: Launch): Promise<boolean> {
  const { port, password } = launch;
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    password,
    ssl: false,
    connectionTimeoutMillis: 5000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch (error) {
    // Class 28 is a wrong password; anything else (starting up, no connection free) passes.
    if (/^28/.test((error as { code?: string }).code ?? '')) {
      throw new StartFailure(
        'other',
        `PostgreSQL started in ${launch.folder.dataDir} and refused its own password: ${(error as Error).message}`,
      );
    }
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Starts the server once, on that port exactly; resolves when it answers queries. */
export async function launchPostmaster(launch: Launch): Promise<ChildProcess> {
  const { folder, binaries } = launch;
  const settings: Record<string, string> = {
    ...launch.settings,
    listen_addresses: '127.0.0.1',
    port: String(launch.port),
    unix_socket_directories: '',
    logging_collector: 'off',
    log_destination: 'stderr',
  };
  const args = [
    '-D',
    folder.dataDir,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const log = openSync(folder.logFile, 'a', 0o600);
  const from = statSync(folder.logFile).size;
  // Detached: a Ctrl-C in the terminal reaches every process of the group, and must not take the database from under a program that is still finishing.
  const child = spawn(binaries.postgres, args, {
    ...folder.account,
    cwd: '/',
    env: serverEnvironment(),
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  launch.watch(child);
  let failed: string | undefined;
  child.once('error', (error) => (failed = error.message));
  child.once(
    'exit',
    (code, signal) =>
      (failed = signal ? `it was ended by ${signal}` : `it exited with code ${code}`),
  );
  try {
    for (const limit = Date.now() + START_TIMEOUT_MS; Date.now() < limit; await sleep(20)) {
      if (failed) throw failure(launch, from, failed);
      const state = readPidFile(folder.dataDir);
      const isUp = state?.status === 'ready' || state?.status === 'standby';
      if (state?.pid === child.pid && isUp && (await answers(launch))) return child;
    }
    throw failure(launch, from, `it did not answer within ${START_TIMEOUT_MS / 1000} seconds`);
  } catch (error) {
    await end(child, 'immediate');
    throw error;
  }
}
