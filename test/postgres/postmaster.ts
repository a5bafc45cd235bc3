import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { serverEnvironment } from './account';
import type { Binaries } from './binaries';
import type { ServerFolder } from './folder';
import { isAlive } from './folder-lock';

/** `fast` closes connections and flushes; `immediate` simulates a crash with recovery. */
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
  /** `port`: it is in use; `leftovers`: processes of a killed server are still ending. */
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

/** postmaster.pid has the pid in line 1 and the status (starting, stopping, ready) in line 8. */
function readPidFile(dataDir: string): { pid: number; status: string } | undefined {
  try {
    const lines = readFileSync(pidFile(dataDir), 'utf8').split('\n');
    return { pid: Number(lines[0]), status: lines[7]?.trim() ?? '' };
  } catch {
    return undefined;
  }
}

/** Checks the command line, which root can always read and a zombie lacks. */
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
 * Stops the postmaster of a killed run, if the process of its pid file serves this folder. It is
 * not reused, because it has the settings and port of that run.
 */
export async function stopOrphanedPostmaster(
  dataDir: string,
  mode: StopMode = 'fast',
): Promise<void> {
  const orphan = readPidFile(dataDir);
  if (!orphan) return;
  if (!isPostmasterOf(orphan.pid, dataDir)) {
    // Another program has the pid now, which PostgreSQL would mistake for a running server.
    if (isAlive(orphan.pid)) await rm(pidFile(dataDir), { force: true });
    return;
  }
  const steps = [
    { signal: STOP_SIGNAL[mode], timeoutMs: 30_000 },
    { signal: 'SIGQUIT', timeoutMs: 10_000 },
    { signal: 'SIGKILL', timeoutMs: 10_000 },
  ] as const;
  for (const { signal, timeoutMs } of steps) {
    try {
      process.kill(orphan.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPERM') {
        throw new Error(
          `The database in ${dataDir} is still served by process ${orphan.pid} of another user; stop it first.`,
        );
      }
    }
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(20)) {
      if (!isPostmasterOf(orphan.pid, dataDir)) return;
    }
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** For an exit handler: blocks up to 5 s until the server has removed its pid file. */
export function stopPostmasterSync(child: ChildProcess, dataDir: string, mode: StopMode): void {
  if (hasEnded(child)) return;
  child.kill(STOP_SIGNAL[mode]);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const deadline = Date.now() + 5000; Date.now() < deadline && existsSync(pidFile(dataDir));)
    Atomics.wait(clock, 0, 0, 10);
}

export async function stopPostmaster(child: ChildProcess, mode: StopMode): Promise<void> {
  if (hasEnded(child)) return;
  // Unreferenced since its start; while waiting it must keep this process alive.
  child.ref();
  const exited = new Promise<true>((resolve) => child.once('exit', () => resolve(true)));
  child.kill(STOP_SIGNAL[mode]);
  for (const [signal, timeoutMs] of [
    ['SIGQUIT', 30_000],
    ['SIGKILL', 10_000],
  ] as const) {
    const timer = new AbortController();
    const done = await Promise.race([
      exited,
      sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false),
    ]);
    timer.abort();
    if (done) return;
    child.kill(signal);
  }
  await exited;
}

function lastLines(logFile: string, logOffset: number): string {
  const text = readFileSync(logFile).subarray(logOffset).toString('utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  // Time and pid only make the message longer.
  return lines
    .slice(-4)
    .map((line) => line.replace(/^\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\] /, ''))
    .join(' | ');
}

function failureReason(log: string): StartFailure['reason'] {
  if (log.includes('could not create any TCP/IP sockets')) return 'port';
  const hasLeftovers =
    /pre-existing shared memory block|lock file "postmaster\.pid" already exists/.test(log);
  return hasLeftovers ? 'leftovers' : 'other';
}

function createStartFailure(launch: Launch, logOffset: number, problem: string): StartFailure {
  const lines = lastLines(launch.folder.logFile, logOffset);
  const log = launch.folder.temporary ? 'its log ended with' : `${launch.folder.logFile} ends with`;
  return new StartFailure(
    failureReason(lines),
    `PostgreSQL ${launch.binaries.major} did not start in ${launch.folder.dataDir}: ${problem}; ` +
      `${log}: ${lines || 'nothing'}`,
  );
}

/** Whether the server accepts our password, which proves that the port is not another server's. */
async function acceptsPassword(launch: Launch): Promise<boolean> {
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
    // Class 28 is a wrong password; other errors (starting up, no free connection) are temporary.
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

/** Starts the server on exactly this port and resolves when it answers queries. */
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
  const logOffset = statSync(folder.logFile).size;
  // Detached, because Ctrl-C signals the whole process group and a program may still need its
  // database to finish.
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
  let failureMessage: string | undefined;
  child.once('error', (error) => {
    failureMessage = error.message;
  });
  child.once('exit', (code, signal) => {
    failureMessage = signal ? `it was ended by ${signal}` : `it exited with code ${code}`;
  });
  try {
    for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await sleep(20)) {
      if (failureMessage) throw createStartFailure(launch, logOffset, failureMessage);
      const state = readPidFile(folder.dataDir);
      const isUp = state?.status === 'ready' || state?.status === 'standby';
      if (state?.pid === child.pid && isUp && (await acceptsPassword(launch))) return child;
    }
    throw createStartFailure(
      launch,
      logOffset,
      `it did not answer within ${START_TIMEOUT_MS / 1000} seconds`,
    );
  } catch (error) {
    await stopPostmaster(child, 'immediate');
    throw error;
  }
}
