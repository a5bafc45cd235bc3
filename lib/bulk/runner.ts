import 'server-only';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import sql from 'sql-template-tag';
import { type Ctx, transaction } from '../ctx';
import { ConsoleError } from '../errors';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/claim';
import { Refusal } from '../good-job/outcomes';
import { onShutdown } from '../shutdown';
import { FIRST_WINDOW, LARGEST_WINDOW } from './collect';
import { type PauseReason, leaseEnd, updateRun } from './run-rows';
import { type StepResult, release, step } from './step';
import { type BulkAction, permissionOf } from './types';

/*
 * Works on the runs that this server has the lease of: one transaction after the other, all runs in turn on one
 * connection. Nothing but the lease is in memory; any server can go on where this one stops.
 */

interface Work {
  stopping: boolean;
  ended: Promise<void>;
}

interface Runner {
  /** This server, in leases. */
  server: string;
  runs: Map<string, Work>;
  /** Settles when the step before is over. */
  turn: Promise<unknown>;
}

/** Modules are instantiated more than once in one server; its runs must not be. */
const shared = globalThis as typeof globalThis & { goodJobConsoleBulk?: Runner };
const runner = (shared.goodJobConsoleBulk ??= { server: randomUUID(), runs: new Map(), turn: Promise.resolve() });

export function serverId(): string {
  return runner.server;
}

/** While a step takes long the lease is renewed from beside it. */
const RENEW_MS = 2_000;
/** A database that is away gets so long before the run is left to whoever resumes it. */
const PATIENCE_MS = 60_000;
/** A window that took this long is large enough; one that took twice as long was too large. */
const WINDOW_MS = 500;
const DOWN = new Set<string>(['database_down', 'database_busy', 'database_login', 'database_tls']);

/** Goes on with a run whose lease this server has just taken. Returns at once. */
export function work(ctx: Ctx, runId: string, action: BulkAction): void {
  if (runner.runs.has(runId)) return;
  const one: Work = { stopping: false, ended: Promise.resolve() };
  runner.runs.set(runId, one);
  onShutdown('bulk runs', stopAll);
  const renewing = setInterval(() => void renew(ctx, runId, action), RENEW_MS);
  renewing.unref();
  one.ended = run(ctx, runId, action, one)
    .catch((error: unknown) => console.error(error))
    .finally(() => {
      clearInterval(renewing);
      runner.runs.delete(runId);
    });
}

/** Lets every run finish its transaction and gives its lease back. */
async function stopAll(): Promise<void> {
  const all = [...runner.runs.values()];
  for (const one of all) one.stopping = true;
  await Promise.all(all.map(({ ended }) => ended));
}

/** Whether this server works on the run; `ended` settles when it no longer does. */
export function workOn(runId: string): { ended: Promise<void> } | null {
  return runner.runs.get(runId) ?? null;
}

/** One step at a time, whichever run it is of: bulk work takes one connection of the pool. */
function inTurn<T>(fn: () => Promise<T>): Promise<T> {
  const mine = runner.turn.then(fn);
  runner.turn = mine.catch(() => undefined);
  return mine;
}

async function run(ctx: Ctx, runId: string, action: BulkAction, one: Work): Promise<void> {
  let chunk = MAX_JOBS_PER_TRANSACTION;
  let window = FIRST_WINDOW;
  let giveUpNext = false;
  let downSince: number | null = null;
  let counted = performance.now();
  let counting = counted;
  const elapsedMs = () => (counting = performance.now()) - counted;
  while (!one.stopping) {
    try {
      const begun = performance.now();
      const result: StepResult = await inTurn(() => step(ctx, runId, action, { server: runner.server, chunk, window, giveUpNext, elapsedMs }));
      if (result === 'stopped' || result === 'lost') return;
      const took = performance.now() - begun;
      if (result === 'collected') window = took > WINDOW_MS * 2 ? Math.max(500, window >> 1) : took < WINDOW_MS ? Math.min(LARGEST_WINDOW, window * 2) : window;
      else chunk = Math.min(MAX_JOBS_PER_TRANSACTION, chunk * 2);
      giveUpNext = false;
      downSince = null;
      counted = counting;
    } catch (error) {
      const reason = reasonOf(error);
      if (DOWN.has(reason)) {
        downSince ??= performance.now();
        if (performance.now() - downSince > PATIENCE_MS) throw error;
        await sleep(1_000);
      } else if (window > FIRST_WINDOW || chunk > 1) {
        // What was too much at once may do in smaller parts; a single job that spoils it is met alone at last.
        window = Math.max(100, Math.min(FIRST_WINDOW, window >> 1));
        chunk = Math.max(1, Math.floor(chunk / 5));
      } else if (reason === 'locked' && !giveUpNext) {
        giveUpNext = true;
      } else {
        console.error(error);
        return pause(ctx, runId, action, reason);
      }
    }
  }
  await transaction(ctx, permissionOf(action), (tx) => release(tx, { id: runId }, runner.server));
}

function reasonOf(error: unknown): PauseReason {
  if (error instanceof ConsoleError) return error.code;
  return error instanceof Refusal ? error.code : 'unexpected';
}

async function pause(ctx: Ctx, runId: string, action: BulkAction, reason: PauseReason): Promise<void> {
  await transaction(ctx, permissionOf(action), async (tx) => {
    await updateRun(tx, runId, runner.server, sql`state = CASE state WHEN 'running' THEN 'paused' ELSE state END, pause_reason = ${reason}`);
    await release(tx, { id: runId }, runner.server);
  });
}

async function renew(ctx: Ctx, runId: string, action: BulkAction): Promise<void> {
  await transaction(ctx, permissionOf(action), (tx) => updateRun(tx, runId, runner.server, sql`lease_expires_at = ${leaseEnd}`)).catch(() => undefined);
}
