import 'server-only';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import sql from 'sql-template-tag';
import { auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { processState } from '../core/process-state';
import { onShutdown } from '../core/shutdown';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/locks';
import { Refusal } from '../good-job/outcomes';
import { FIRST_WINDOW, LARGEST_WINDOW, PARTS } from './collect';
import { type PauseReason, leaseEnd, updateRun } from './runs';
import { type Parts, type StepOptions, type StepResult, type Target, release, step } from './step';
import { type BulkAction, permissionOf } from './types';

/** Every waiter resolves at the next signal. */
export class WakeSignal {
  private readonly waiting = new Set<() => void>();

  async wait(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.waiting.add(done);
    });
  }

  signal(): void {
    for (const done of [...this.waiting]) done();
  }
}

/*
 * Works on the runs that this server has the lease of, all of them in turn, some transactions at a time: workers that
 * are busy leave a single connection a small share of the database. Nothing but the lease is in memory; any server can
 * go on where this one stops.
 */

interface Work {
  stopping: boolean;
  wakeUp: WakeSignal;
  ended: Promise<void>;
}

interface Runner {
  /** This server, in leases. */
  server: string;
  /** The process is about to end: runs are left to other servers. */
  isStopping: boolean;
  runs: Map<string, Work>;
  /** Each settles when the step before in its lane is over. */
  workers: Promise<unknown>[];
}

const runner = processState<Runner>('bulk runner', () => ({
  server: randomUUID(),
  isStopping: false,
  runs: new Map(),
  workers: [],
}));

/** Transactions at a time, whichever runs they are of: the other half of the pool is for pages. */
const workersOf = ({ db }: Ctx) => Math.max(1, Math.min(PARTS, Math.floor(db.connections / 2)));

const ALL_PARTS: Parts = { first: 0, last: PARTS - 1 };
const partsOf = (lane: number, workers: number): Parts => ({
  first: Math.floor((lane * PARTS) / workers),
  last: Math.floor(((lane + 1) * PARTS) / workers) - 1,
});

export function serverId(): string {
  return runner.server;
}

/** While a step takes long the lease is renewed from beside it. */
const RENEW_MS = 2_000;
/** A database that is away gets so long before the run is left to whoever resumes it. */
const PATIENCE_MS = 60_000;
/** A lane other than the first waits this long for the first to find out what failed. */
const ALONE_MS = 20;
/** An idle lane looks again when another lane made progress that concerns it, and after this time at the latest. */
const IDLE_MS = 1_000;
/** A window that took this long is large enough; one that took twice as long was too large. */
const WINDOW_MS = 500;
const DOWN = new Set<string>([
  'database_down',
  'database_busy',
  'database_login',
  'database_tls',
  'console_locked',
]);

export function isStopping(): boolean {
  return runner.isStopping;
}

export function isWorkingOn(runId: string): boolean {
  return runner.runs.has(runId);
}

/**
 * Continues a run whose lease this server has just taken. Returns at once. A server that is stopping gives the lease
 * back, so that another one adopts the run.
 */
export function work(ctx: Ctx, runId: string, action: BulkAction): void {
  if (runner.runs.has(runId)) return;
  if (runner.isStopping)
    return void giveBack(ctx, runId, action).catch((error: unknown) => console.error(error));
  const one: Work = { stopping: false, wakeUp: new WakeSignal(), ended: Promise.resolve() };
  runner.runs.set(runId, one);
  onShutdown('bulk runs', stopRuns);
  const renewing = setInterval(() => void renew(ctx, runId, action), RENEW_MS);
  renewing.unref();
  one.ended = run(ctx, runId, action, one)
    .catch((error: unknown) => console.error(error))
    .finally(() => {
      clearInterval(renewing);
      runner.runs.delete(runId);
    });
}

/** Lets every run finish its transaction and gives its lease back; from then on none is worked on. */
export async function stopRuns(): Promise<void> {
  runner.isStopping = true;
  const all = [...runner.runs.values()];
  for (const one of all) {
    one.stopping = true;
    one.wakeUp.signal();
  }
  await Promise.all(all.map(({ ended }) => ended));
}

/** Whether this server works on the run; `ended` settles when it no longer does. */
export function workOn(runId: string): { ended: Promise<void> } | null {
  return runner.runs.get(runId) ?? null;
}

/** One step at a time in a lane, whichever run it is of. */
function inTurn<T>(lane: number, fn: () => Promise<T>): Promise<T> {
  const mine = (runner.workers[lane] ?? Promise.resolve()).then(fn);
  runner.workers[lane] = mine.catch(() => undefined);
  return mine;
}

/** How a run is worked on at the moment; shared by its lanes. */
interface Throttle {
  chunk: number;
  window: number;
  skipNext: boolean;
  /** Something failed: one lane alone finds out what. */
  alone: boolean;
  over: boolean;
  busyBatches: Set<string>;
  elapsedMs: () => number;
  /** Wakes idle lanes. */
  wakeUp: WakeSignal;
}

function endPace(throttle: Throttle): void {
  throttle.over = true;
  throttle.wakeUp.signal();
}

async function run(ctx: Ctx, runId: string, action: BulkAction, one: Work): Promise<void> {
  let counted = performance.now();
  const elapsedMs = () => {
    const since = performance.now() - counted;
    counted += since;
    return since;
  };
  const throttle: Throttle = {
    chunk: MAX_JOBS_PER_TRANSACTION,
    window: FIRST_WINDOW,
    skipNext: false,
    alone: false,
    over: false,
    busyBatches: new Set(),
    elapsedMs,
    wakeUp: one.wakeUp,
  };
  // A batch retry is all of one part.
  const count = action === 'batch_retry' ? 1 : workersOf(ctx);
  const workers = await Promise.allSettled(
    Array.from({ length: count }, (_, lane) =>
      walkLane(ctx, runId, action, one, lane, partsOf(lane, count), throttle),
    ),
  );
  const failed = workers.find((lane) => lane.status === 'rejected');
  if (failed) throw failed.reason;
  await giveBack(ctx, runId, action);
}

async function giveBack(ctx: Ctx, runId: string, action: BulkAction): Promise<void> {
  await auditedTransaction(
    ctx,
    permissionOf(action),
    (tx) => release(tx, { id: runId }, runner.server),
    null,
  );
}

async function walkLane(
  ctx: Ctx,
  runId: string,
  action: BulkAction,
  one: Work,
  lane: number,
  own: Parts,
  throttle: Throttle,
): Promise<void> {
  let downSince: number | null = null;
  let wasAlone = throttle.alone;
  let from: Target | null = null;
  while (!one.stopping && !throttle.over) {
    if (throttle.alone && lane > 0) {
      await sleep(ALONE_MS);
      continue;
    }
    try {
      const begun = performance.now();
      const { chunk, window, skipNext, alone, busyBatches, elapsedMs } = throttle;
      if (alone !== wasAlone) from = null;
      wasAlone = alone;
      let inHand: Target[] = [];
      const options: StepOptions = {
        server: runner.server,
        chunk,
        window,
        skipNext,
        parts: alone ? ALL_PARTS : own,
        from,
        taken: (targets) => (inHand = targets),
        busyBatches,
        elapsedMs,
      };
      const result = await inTurn(lane, () => step(ctx, runId, action, options));
      from = result === 'worked' ? (inHand.at(-1) ?? null) : null;
      if (result === 'stopped' || result === 'lost') endPace(throttle);
      else if (result === 'idle') await throttle.wakeUp.wait(IDLE_MS);
      else succeeded(throttle, result, performance.now() - begun);
      downSince = null;
    } catch (error) {
      const reason = reasonOf(error);
      from = null;
      if (DOWN.has(reason)) {
        downSince ??= performance.now();
        if (performance.now() - downSince > PATIENCE_MS) {
          endPace(throttle);
          throw error;
        }
        await sleep(1_000);
      } else if (!throttle.alone) {
        throttle.alone = true;
        throttle.wakeUp.signal();
      } else if (lane === 0 && !slower(throttle, reason)) {
        console.error(error);
        endPace(throttle);
        await pause(ctx, runId, action, reason);
      }
    }
  }
}

function succeeded(throttle: Throttle, result: StepResult, took: number): void {
  if (result === 'collected')
    throttle.window =
      took > WINDOW_MS * 2
        ? Math.max(500, throttle.window >> 1)
        : took < WINDOW_MS
          ? Math.min(LARGEST_WINDOW, throttle.window * 2)
          : throttle.window;
  else throttle.chunk = Math.min(MAX_JOBS_PER_TRANSACTION, throttle.chunk * 2);
  if (result === 'second_pass') throttle.busyBatches.clear();
  // New targets for every lane.
  if (result !== 'worked') throttle.wakeUp.signal();
  throttle.skipNext = false;
  if (throttle.chunk === MAX_JOBS_PER_TRANSACTION) throttle.alone = false;
}

/** What was too much at once may do in smaller parts; a single job that spoils it is met alone at last. False: it is, and it cannot be passed over. */
function slower(throttle: Throttle, reason: PauseReason): boolean {
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
  return error instanceof Refusal ? error.code : 'unexpected';
}

async function pause(
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
        sql`state = CASE state WHEN 'running' THEN 'paused' ELSE state END, pause_reason = ${reason}`,
      );
      await release(tx, { id: runId }, runner.server);
    },
    null,
  );
}

async function renew(ctx: Ctx, runId: string, action: BulkAction): Promise<void> {
  await auditedTransaction(
    ctx,
    permissionOf(action),
    (tx) => updateRun(tx, runId, runner.server, sql`lease_expires_at = ${leaseEnd}`),
    null,
  ).catch(() => undefined);
}
