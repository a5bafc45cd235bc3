import 'server-only';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import sql from 'sql-template-tag';
import { auditedTransaction } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { onShutdown, processState } from '../core/process-state';
import { RefusalError } from '../good-job/enqueue';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/locks';
import { FIRST_WINDOW, MAX_WINDOW, PART_COUNT } from './collect';
import { type PauseReason, leaseEnd, updateRun } from './runs';
import {
  type PartRange,
  type StepOptions,
  type StepResult,
  type Target,
  releaseRun,
  runStep,
} from './step';
import { type BulkAction, permissionOf } from './types';

/*
 * Processes the runs that this server has leased, several transactions at a time, because busy
 * GoodJob workers leave a single connection a small share of the database. All progress is in the
 * database, so any server can continue a run.
 */

/** Every waiter resolves at the next signal. */
class WakeSignal {
  private readonly waiters = new Set<() => void>();

  async wait(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.waiters.add(done);
    });
  }

  signal(): void {
    for (const done of [...this.waiters]) done();
  }
}

interface ActiveRun {
  isStopping: boolean;
  wakeUp: WakeSignal;
  /** Resolves when this server no longer processes the run. */
  ended: Promise<void>;
}

interface Runner {
  /** The id of this server in leases. */
  server: string;
  /** The process is about to exit, so runs are left to other servers. */
  isStopping: boolean;
  runs: Map<string, ActiveRun>;
  /** The last step of each worker index; steps with the same index run one after the other. */
  workers: Promise<unknown>[];
}

const runner = processState<Runner>('bulk runner', () => ({
  server: randomUUID(),
  isStopping: false,
  runs: new Map(),
  workers: [],
}));

/** Concurrent transactions of all runs together; half of the pool is left for pages. */
const workerCount = ({ db }: Ctx) =>
  Math.max(1, Math.min(PART_COUNT, Math.floor(db.connections / 2)));

const ALL_PARTS: PartRange = { first: 0, last: PART_COUNT - 1 };
const partsOfWorker = (index: number, workers: number): PartRange => ({
  first: Math.floor((index * PART_COUNT) / workers),
  last: Math.floor(((index + 1) * PART_COUNT) / workers) - 1,
});

/** The id of this server in leases. */
export function serverId(): string {
  return runner.server;
}

/** Renews the lease during long steps. */
const LEASE_RENEW_MS = 2_000;
/** After this time without the database, the server stops processing the run. */
const DATABASE_DOWN_LIMIT_MS = 60_000;
/** In serial mode, the other workers check this often whether it has ended. */
const SERIAL_POLL_MS = 20;
/** An idle worker polls at this interval, unless another worker wakes it. */
const IDLE_POLL_MS = 1_000;
/** The window grows below this duration and shrinks above twice this duration. */
const WINDOW_TARGET_MS = 500;
const DATABASE_DOWN_CODES = new Set<string>([
  'database_down',
  'database_busy',
  'database_login',
  'database_tls',
  'console_locked',
]);

/** Whether this server is shutting down. */
export function isStopping(): boolean {
  return runner.isStopping;
}

/** Whether this server processes the run. */
export function isProcessingRun(runId: string): boolean {
  return runner.runs.has(runId);
}

/**
 * Starts to process a run whose lease this server has just taken, in the background. A server that
 * is stopping returns the lease, so that another one adopts the run.
 */
export function enqueueRun(ctx: Ctx, runId: string, action: BulkAction): void {
  if (runner.runs.has(runId)) return;
  if (runner.isStopping) {
    void returnLease(ctx, runId, action).catch((error: unknown) => console.error(error));
    return;
  }
  const active: ActiveRun = {
    isStopping: false,
    wakeUp: new WakeSignal(),
    ended: Promise.resolve(),
  };
  runner.runs.set(runId, active);
  onShutdown('bulk runs', stopRuns);
  const renewing = setInterval(() => void renewLease(ctx, runId, action), LEASE_RENEW_MS);
  renewing.unref();
  active.ended = processRun(ctx, runId, action, active)
    .catch((error: unknown) => console.error(error))
    .finally(() => {
      clearInterval(renewing);
      runner.runs.delete(runId);
    });
}

/** Lets every run finish its transaction and returns its lease; no run starts afterwards. */
export async function stopRuns(): Promise<void> {
  runner.isStopping = true;
  const activeRuns = [...runner.runs.values()];
  for (const active of activeRuns) {
    active.isStopping = true;
    active.wakeUp.signal();
  }
  await Promise.all(activeRuns.map(({ ended }) => ended));
}

/** The run if this server processes it, else null; `ended` resolves when it stops. */
export function getActiveRun(runId: string): { ended: Promise<void> } | null {
  return runner.runs.get(runId) ?? null;
}

/** Runs `fn` after the previous step of this worker index, whichever run that belongs to. */
function inTurn<T>(index: number, fn: () => Promise<T>): Promise<T> {
  const step = (runner.workers[index] ?? Promise.resolve()).then(fn);
  runner.workers[index] = step.catch(() => undefined);
  return step;
}

/** How a run is processed at the moment; shared by its workers. */
interface Throttle {
  chunk: number;
  window: number;
  skipNext: boolean;
  /** Something failed: only the first worker continues, with all parts, to find the cause. */
  serial: boolean;
  isOver: boolean;
  busyBatches: Set<string>;
  elapsedMs: () => number;
  /** Wakes idle workers. */
  wakeUp: WakeSignal;
}

interface RunContext {
  ctx: Ctx;
  runId: string;
  action: BulkAction;
  active: ActiveRun;
  throttle: Throttle;
}

function endRun(throttle: Throttle): void {
  throttle.isOver = true;
  throttle.wakeUp.signal();
}

async function processRun(
  ctx: Ctx,
  runId: string,
  action: BulkAction,
  active: ActiveRun,
): Promise<void> {
  let recordedAt = performance.now();
  const elapsedMs = () => {
    const elapsed = performance.now() - recordedAt;
    recordedAt += elapsed;
    return elapsed;
  };
  const throttle: Throttle = {
    chunk: MAX_JOBS_PER_TRANSACTION,
    window: FIRST_WINDOW,
    skipNext: false,
    serial: false,
    isOver: false,
    busyBatches: new Set(),
    elapsedMs,
    wakeUp: active.wakeUp,
  };
  // All jobs of a batch retry are in one part.
  const workers = action === 'batch_retry' ? 1 : workerCount(ctx);
  const run: RunContext = { ctx, runId, action, active, throttle };
  const results = await Promise.allSettled(
    Array.from({ length: workers }, (_, index) =>
      runWorker(run, index, partsOfWorker(index, workers)),
    ),
  );
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
  await returnLease(ctx, runId, action);
}

async function returnLease(ctx: Ctx, runId: string, action: BulkAction): Promise<void> {
  await auditedTransaction(
    ctx,
    permissionOf(action),
    (tx) => releaseRun(tx, { id: runId }, runner.server),
    null,
  );
}

async function runWorker(run: RunContext, index: number, ownParts: PartRange): Promise<void> {
  const { ctx, runId, action, active, throttle } = run;
  let downSince: number | null = null;
  let wasSerial = throttle.serial;
  let from: Target | null = null;
  while (!active.isStopping && !throttle.isOver) {
    if (throttle.serial && index > 0) {
      await sleep(SERIAL_POLL_MS);
      continue;
    }
    try {
      const startedAt = performance.now();
      const { serial } = throttle;
      if (serial !== wasSerial) from = null;
      wasSerial = serial;
      const options = stepOptions(throttle, serial ? ALL_PARTS : ownParts, from);
      const step = await inTurn(index, () => runStep(ctx, runId, action, options));
      const { result } = step;
      from = result === 'worked' ? step.lastTarget : null;
      if (result === 'stopped' || result === 'lost') endRun(throttle);
      else if (result === 'idle') await throttle.wakeUp.wait(IDLE_POLL_MS);
      else adaptToSuccess(throttle, result, performance.now() - startedAt);
      downSince = null;
    } catch (error) {
      const reason = reasonOf(error);
      from = null;
      if (DATABASE_DOWN_CODES.has(reason)) {
        downSince ??= performance.now();
        if (performance.now() - downSince > DATABASE_DOWN_LIMIT_MS) {
          endRun(throttle);
          throw error;
        }
        await sleep(1_000);
      } else await handleFailure(run, index, error, reason);
    }
  }
}

function stepOptions(throttle: Throttle, parts: PartRange, from: Target | null): StepOptions {
  const { chunk, window, skipNext, busyBatches, elapsedMs } = throttle;
  return { server: runner.server, chunk, window, skipNext, parts, from, busyBatches, elapsedMs };
}

/** Switches to serial mode, then to smaller steps, and finally pauses the run. */
async function handleFailure(
  { ctx, runId, action, throttle }: RunContext,
  index: number,
  error: unknown,
  reason: PauseReason,
): Promise<void> {
  if (!throttle.serial) {
    throttle.serial = true;
    throttle.wakeUp.signal();
  } else if (index === 0 && !reduceLoad(throttle, reason)) {
    console.error(error);
    endRun(throttle);
    await pauseRun(ctx, runId, action, reason);
  }
}

function adaptToSuccess(throttle: Throttle, result: StepResult, tookMs: number): void {
  if (result === 'collected') throttle.window = nextWindow(throttle.window, tookMs);
  else throttle.chunk = Math.min(MAX_JOBS_PER_TRANSACTION, throttle.chunk * 2);
  if (result === 'second_pass') throttle.busyBatches.clear();
  // Every other result makes new targets available to all workers.
  if (result !== 'worked') throttle.wakeUp.signal();
  throttle.skipNext = false;
  if (throttle.chunk === MAX_JOBS_PER_TRANSACTION) throttle.serial = false;
}

function nextWindow(window: number, tookMs: number): number {
  if (tookMs > WINDOW_TARGET_MS * 2) return Math.max(500, window >> 1);
  return tookMs < WINDOW_TARGET_MS ? Math.min(MAX_WINDOW, window * 2) : window;
}

/**
 * Reduces the window and the chunk after a failure, down to the one job that causes it. False if
 * that job cannot be skipped.
 */
function reduceLoad(throttle: Throttle, reason: PauseReason): boolean {
  if (throttle.window > FIRST_WINDOW || throttle.chunk > 1) {
    throttle.window = Math.max(100, Math.min(FIRST_WINDOW, throttle.window >> 1));
    throttle.chunk = Math.max(1, Math.floor(throttle.chunk / 5));
    return true;
  }
  if (reason !== 'locked' || throttle.skipNext) return false;
  throttle.skipNext = true;
  return true;
}

function reasonOf(error: unknown): PauseReason {
  if (error instanceof ConsoleError) return error.code;
  return error instanceof RefusalError ? error.code : 'unexpected';
}

async function pauseRun(
  ctx: Ctx,
  runId: string,
  action: BulkAction,
  reason: PauseReason,
): Promise<void> {
  await auditedTransaction(
    ctx,
    permissionOf(action),
    async (tx) => {
      await updateRun(
        tx,
        runId,
        runner.server,
        sql`state = CASE state WHEN 'running' THEN 'paused' ELSE state END,
            pause_reason = ${reason}`,
      );
      await releaseRun(tx, { id: runId }, runner.server);
    },
    null,
  );
}

async function renewLease(ctx: Ctx, runId: string, action: BulkAction): Promise<void> {
  await auditedTransaction(
    ctx,
    permissionOf(action),
    (tx) => updateRun(tx, runId, runner.server, sql`lease_expires_at = ${leaseEnd}`),
    null,
  ).catch(() => undefined);
}
