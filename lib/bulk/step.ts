import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { countOutcomes } from '../audit/recorder';
import { auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import type { Tx } from '../db/database';
import { actOnJobs } from '../good-job/actions';
import { completeBatchRetry } from '../good-job/batch-retry';
import { lockBatches } from '../good-job/locks';
import type { Outcome } from '../good-job/outcomes';
import type { GoodJobTables } from '../good-job/tables';
import { type Place, collectWindow } from './collect';
import { type RunRow, RUNS, SAMPLES, TARGETS, leaseEnd, readRun, updateRun } from './runs';
import { type OutcomeCounts, SAMPLES_KEPT, jobActionOf, permissionOf, processedOf } from './types';

/*
 * One transaction of a run: the jobs' changes, the outcomes, the cursor and the audit's counts are committed together
 * or not at all. Whatever ends the server between two of them loses nothing and repeats nothing.
 */

/**
 * A worker has a batch for milliseconds. Somebody who has it longer costs the first pass a moment, and the second one
 * almost as long as any lock is waited for; from then on its jobs are passed over at once.
 */
const BATCH_PATIENCE_MS = { first: 250, second: 1_800 };

export interface StepOptions {
  server: string;
  /** Jobs at most. */
  chunk: number;
  /** Rows of the walk at most that a collecting step looks at. */
  window: number;
  /** The next job's own locks could not be had in time: it counts as held. */
  skipNext: boolean;
  /** The parts of the targets that are its lane's. */
  parts: Parts;
  /** Of these parts none before it is left, as far as this server knows; null: look from the first. */
  from: Target | null;
  /** The targets that this step has taken in hand. */
  taken: (targets: Target[]) => void;
  /** Batches that somebody has had locked for long; grows. */
  busyBatches: Set<string>;
  /** Milliseconds of work that no step has recorded yet; they count as recorded from then on. */
  elapsedMs: () => number;
}

/** Parts from the first to the last, both included. */
export interface Parts {
  first: number;
  last: number;
}

/** A job of a run, and where it stands in the table of targets for as long as it is locked. */
export interface Target {
  id: string;
  part: number;
  ctid: string;
}

/**
 * `idle`: all that is left in this pass is in another transaction's hands. `lost`: another server has the lease.
 * `stopped`: the run is over, or somebody paused or cancelled it.
 */
export type StepResult = 'worked' | 'collected' | 'second_pass' | 'idle' | 'stopped' | 'lost';

class LeaseLost extends Error {}

export async function step(
  ctx: Ctx,
  runId: string,
  action: RunRow['action'],
  options: StepOptions,
): Promise<StepResult> {
  const { server } = options;
  try {
    return await auditedTransaction(
      ctx,
      permissionOf(action),
      async (tx) => {
        // A transaction number, which the cut-off is compared with; and no table is read from end to end while an index
        // will do: 500 ids of a small table look like most of it.
        const run = await readRun(
          tx,
          runId,
          sql`, txid_current(), set_config('enable_seqscan', 'off', true)`,
        );
        if (!run || run.leaseOwner !== server) return 'lost';
        if (run.state !== 'running') return release(tx, run, server);
        const targets = isMeasured(run) ? [] : await nextTargets(tx, run, options);
        options.taken(targets);
        return targets.length > 0
          ? processChunk(tx, ctx.tables, run, targets, options)
          : advanceRun(tx, ctx.tables, run, options);
      },
      null,
    );
  } catch (error) {
    if (error instanceof LeaseLost) return 'lost';
    throw error;
  }
}

/** An exact number was confirmed, and the list of jobs is not complete: none is changed before it is known to be no longer. */
function isMeasured({ collected, expected }: RunRow): boolean {
  return !collected && expected.kind === 'exact';
}

/** What ends a pass or a run is done by one transaction at a time. */
async function lockRun(tx: Tx, runId: string): Promise<void> {
  await tx.query(
    sql`SELECT pg_advisory_xact_lock(hashtextextended('good_job_console.bulk_runs/' || ${runId}, 0))`,
  );
}

/** Changes the run's row, last of all rows, and has its audit record say the same. */
async function change(
  tx: Tx,
  run: RunRow,
  { server, elapsedMs }: StepOptions,
  changes = empty,
): Promise<void> {
  const kept = await updateRun(
    tx,
    run.id,
    server,
    sql`lease_expires_at = ${leaseEnd}, active_ms = active_ms + ${Math.round(elapsedMs())} ${changes}`,
  );
  if (!kept) throw new LeaseLost();
}

/** The next targets that no other transaction has in hand. `from` spares it the entries of those that are gone. */
async function nextTargets(
  tx: Tx,
  run: RunRow,
  { skipNext, chunk, parts, from }: StepOptions,
): Promise<Target[]> {
  const beyond = from === null ? empty : sql`AND (part, job_id) > (${from.part}, ${from.id}::uuid)`;
  return tx.query<Target>(sql`
    SELECT job_id AS id, part, ctid::text FROM ${TARGETS} WHERE run_id = ${run.id} AND pass = ${run.pass} AND part BETWEEN ${parts.first} AND ${parts.last} ${beyond}
     ORDER BY part, job_id LIMIT ${skipNext ? 1 : chunk} FOR UPDATE SKIP LOCKED`);
}

/** A chunk of jobs. Those that are held are put off to the second pass, after all others. */
async function processChunk(
  tx: Tx,
  tables: GoodJobTables,
  run: RunRow,
  targets: Target[],
  options: StepOptions,
): Promise<StepResult> {
  const { cutOff, scheduledAt } = run;
  const ids = targets.map(({ id }) => id);
  const placeOf = new Map(targets.map(({ id, ctid }) => [id, ctid]));
  const places = (of: Outcome[]) => of.map(({ id }) => placeOf.get(id));
  const outcomes: Outcome[] = options.skipNext
    ? ids.map((id) => ({ id, outcome: 'locked' }))
    : await actOnJobs(tx, tables, jobActionOf(run.action), ids, {
        scheduledAt,
        cutOff,
        batches: {
          patienceMs: BATCH_PATIENCE_MS[run.pass === 1 ? 'first' : 'second'],
          busy: options.busyBatches,
        },
      });
  const deferred = run.pass === 1 ? outcomes.filter(({ outcome }) => outcome === 'locked') : [];
  const settled =
    deferred.length > 0 ? outcomes.filter((outcome) => !deferred.includes(outcome)) : outcomes;
  if (deferred.length > 0)
    await tx.query(
      sql`UPDATE ${TARGETS} SET pass = 2 WHERE ctid = ANY(${places(deferred)}::tid[])`,
    );
  await tx.query(sql`DELETE FROM ${TARGETS} WHERE ctid = ANY(${places(settled)}::tid[])`);
  const notDone = settled.filter(({ outcome }) => outcome !== 'done');
  if (notDone.length > 0) await keepSamples(tx, run.id, await lockCounts(tx, run.id), notDone);
  await change(
    tx,
    run,
    options,
    sql`, counts = ${sumOf(sql`counts`, JSON.stringify(countOutcomes(settled)))}`,
  );
  return 'worked';
}

/** Numbers by name, added in SQL: the other lanes' chunks add to the same ones. */
function sumOf(counts: Sql, more: string): Sql {
  return sql`(SELECT coalesce(jsonb_object_agg(name, n), '{}') FROM (SELECT name, sum(value::bigint) AS n FROM (SELECT * FROM jsonb_each_text(${counts}) UNION ALL SELECT * FROM jsonb_each_text(${more})) e(name, value) GROUP BY name) s)`;
}

/** The counts as they are now, and nobody else's to change before the commit. After all other locks: it is held for a moment. */
async function lockCounts(tx: Tx, runId: string): Promise<OutcomeCounts> {
  const [row] = await tx.query<{ counts: string }>(
    sql`SELECT counts FROM ${RUNS} WHERE id = ${runId} FOR UPDATE`,
  );
  return JSON.parse(row?.counts ?? '{}') as OutcomeCounts;
}

/** The first of each outcome but `done`: what a reader needs to look into, not a second list of all jobs. */
async function keepSamples(
  tx: Tx,
  runId: string,
  counts: OutcomeCounts,
  outcomes: Outcome[],
): Promise<void> {
  const room = new Map<string, number>();
  const kept = outcomes.filter(({ outcome }) => {
    const left = room.get(outcome) ?? SAMPLES_KEPT - (counts[outcome] ?? 0);
    room.set(outcome, left - 1);
    return left > 0;
  });
  if (kept.length === 0) return;
  const codes = kept.map((outcome) => (outcome.outcome === 'refused' ? outcome.code : null));
  await tx.query(sql`
    INSERT INTO ${SAMPLES} (run_id, job_id, outcome, code)
    SELECT ${runId}::uuid, * FROM unnest(${kept.map(({ id }) => id)}::uuid[], ${kept.map(({ outcome }) => outcome)}::text[], ${codes}::text[])`);
}

/** Nothing is left to take in this pass: look for more, go through those that were held, or end. */
async function advanceRun(
  tx: Tx,
  tables: GoodJobTables,
  { id, pass }: RunRow,
  options: StepOptions,
): Promise<StepResult> {
  await lockRun(tx, id);
  const run = await readRun(tx, id);
  if (!run || run.state !== 'running' || run.pass !== pass) return 'worked'; // it has just moved on: look again
  const [inHand] = await tx.query(
    sql`SELECT 1 FROM ${TARGETS} WHERE run_id = ${id} AND pass = ${pass} LIMIT 1`,
  );
  if (inHand && !isMeasured(run)) return 'idle';
  if (!run.collected) {
    const { to } = await collectWindow(tx, tables, run, options.window);
    if (isMeasured(run)) return measure(tx, run, to, options);
    await change(
      tx,
      run,
      options,
      sql`, collected = ${to === null}, collected_to_at = ${to?.at ?? null}, collected_to_id = ${to?.id ?? null}`,
    );
    return 'collected';
  }
  if (run.pass === 1) {
    await change(tx, run, options, sql`, pass = 2`);
    return 'second_pass';
  }
  if (run.action === 'batch_retry' && run.batchId)
    await endBatchRetry(tx, tables, run, run.batchId);
  await change(tx, run, options, sql`, state = 'finished', finished_at = clock_timestamp()`);
  return release(tx, run, options.server);
}

/** Goes on to the next window, to the work when the list is complete, or ends the run when it has become too long. */
async function measure(
  tx: Tx,
  run: RunRow,
  to: Place | null,
  options: StepOptions,
): Promise<StepResult> {
  const [row] = await tx.query<{ count: number }>(
    sql`SELECT count(*)::int AS count FROM ${TARGETS} WHERE run_id = ${run.id}`,
  );
  const listed = row?.count ?? 0;
  const found = listed + processedOf(run.counts);
  if (found > run.expected.count) {
    await change(
      tx,
      run,
      options,
      sql`, state = 'refused', finished_at = clock_timestamp(), expected = ${found}, expected_kind = ${to ? 'at_least' : 'exact'},
          counts = ${sumOf(sql`counts`, JSON.stringify({ refused: listed }))}`,
    );
    return release(tx, run, options.server);
  }
  await change(
    tx,
    run,
    options,
    sql`, collected = ${to === null}, collected_to_at = ${to?.at ?? null}, collected_to_id = ${to?.id ?? null},
        expected = ${to ? run.expected.count : found}`,
  );
  return 'collected';
}

/**
 * The last part of Batch#retry, unless no member could be retried. `discarded_at` stays while a member is discarded,
 * be it that it could not be retried or that it has failed again by now.
 */
export async function endBatchRetry(
  tx: Tx,
  tables: GoodJobTables,
  run: Pick<RunRow, 'counts'>,
  batchId: string,
): Promise<void> {
  if ((run.counts.done ?? 0) === 0 && processedOf(run.counts) > 0) return;
  await lockBatches(tx, [batchId]);
  const [discarded] = await tx.query(sql`
    SELECT 1 FROM (SELECT j.finished_at, j.error FROM ${tables.jobs} j WHERE j.batch_id = ${batchId} OFFSET 0) j WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL LIMIT 1`);
  await completeBatchRetry(tx, tables, batchId, { keepDiscardedAt: discarded !== undefined });
}

/** Lets the run go; of one that is over, what was still to do is forgotten. */
export async function release(
  tx: Tx,
  { id }: Pick<RunRow, 'id'>,
  server: string,
): Promise<'stopped'> {
  const [run] = await tx.query<{ over: boolean }>(
    sql`SELECT state IN ('cancelled', 'refused', 'finished') AS over FROM ${RUNS} WHERE id = ${id}`,
  );
  if (run?.over) await forgetTargets(tx, id);
  await tx.query(
    sql`UPDATE ${RUNS} SET lease_owner = NULL, lease_expires_at = NULL WHERE id = ${id} AND lease_owner = ${server}`,
  );
  return 'stopped';
}

/** Those that a transaction has in hand are left to it. Before the run's row is locked: a chunk locks it last. */
export async function forgetTargets(tx: Tx, runId: string): Promise<void> {
  // By place: of a table written a moment ago the planner knows nothing, and a join of it with itself may take for ever.
  await tx.query(sql`
    DELETE FROM ${TARGETS} WHERE run_id = ${runId} AND ctid = ANY (ARRAY(SELECT ctid FROM ${TARGETS} WHERE run_id = ${runId} FOR UPDATE SKIP LOCKED))`);
}
