import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import { countOutcomes } from '../audit/recorder';
import { auditedTransaction } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import type { Tx } from '../db/database';
import { actOnJobs } from '../good-job/actions';
import { completeBatchRetry } from '../good-job/batch-retry';
import { lockBatches } from '../good-job/batches';
import { type GoodJobTables, idRow } from '../good-job/tables';
import type { Outcome } from '../good-job/types';
import { type ScanPosition, collectWindow, countRow } from './collect';
import { deleteOldRetries, storeRetries } from './retries';
import {
  RUNS,
  type RunRow,
  TARGETS,
  insertSamples,
  leaseEnd,
  parseCounts,
  readRun,
  updateRun,
} from './runs';
import { type OutcomeCounts, jobActionOf, permissionOf, processedCount } from './types';

/*
 * One transaction of a run. It commits the changed jobs, outcomes, cursor and audit counts
 * together, so a crash between two steps loses and repeats nothing.
 */

/**
 * A GoodJob worker locks a batch for milliseconds, so the first pass does not wait for longer
 * locks. The second pass waits for almost the whole lock_timeout.
 */
const BATCH_LOCK_TIMEOUT_MS = { firstPass: 250, secondPass: 1_800 };

export interface StepOptions {
  server: string;
  /** Maximum number of jobs. */
  chunk: number;
  /** Maximum number of index rows that a collecting step scans. */
  window: number;
  /** Skips the next job as `locked`, because waiting for its locks timed out. */
  skipNext: boolean;
  /** The parts of the targets that this worker processes. */
  parts: PartRange;
  /** The last target that this worker processed; null to start at the first one. */
  from: Target | null;
  /** Ids of batches that were locked for too long; the step adds to it. */
  busyBatches: Set<string>;
  /** Returns the milliseconds since the last call, for the run's `active_ms`. */
  elapsedMs: () => number;
}

/** An inclusive range of parts. */
export interface PartRange {
  first: number;
  last: number;
}

/** A job of a run. `ctid`: its row in bulk_run_targets, valid while the row is locked. */
const targetRow = z.strictObject({ id: z.string(), part: z.number(), ctid: z.string() });
export type Target = z.infer<typeof targetRow>;

/**
 * `idle`: other transactions have locked all remaining targets of this pass. `lost`: another server
 * has the lease. `stopped`: the run has ended, or a user paused or cancelled it.
 */
export type StepResult = 'worked' | 'collected' | 'second_pass' | 'idle' | 'stopped' | 'lost';

interface Step {
  result: StepResult;
  /** The last target that the step has locked; null if it locked none. */
  lastTarget: Target | null;
}

/** Rolls back a step whose server no longer has the lease. */
class LeaseLost extends Error {}

/** Runs one transaction of a run: a chunk of jobs, a window of targets, or the end of a pass. */
export async function runStep(
  ctx: Ctx,
  runId: string,
  action: RunRow['action'],
  options: StepOptions,
): Promise<Step> {
  const { server } = options;
  try {
    return await auditedTransaction(
      ctx,
      permissionOf(action),
      async (tx) => {
        // txid_current() assigns the transaction id that isUnchangedSince() needs. Without
        // enable_seqscan the planner would scan a small table for 500 ids.
        const run = await readRun(
          tx,
          runId,
          sql`, txid_current(), set_config('enable_seqscan', 'off', true)`,
        );
        if (!run || run.leaseOwner !== server) return { result: 'lost', lastTarget: null };
        if (run.state !== 'running')
          return { result: await releaseRun(tx, run, server), lastTarget: null };
        const targets = mustMeasure(run) ? [] : await lockNextTargets(tx, run, options);
        const result =
          targets.length > 0
            ? await processChunk(tx, ctx.tables, run, targets, options)
            : await advanceRun(tx, ctx.tables, run, options);
        return { result, lastTarget: targets.at(-1) ?? null };
      },
      null,
    );
  } catch (error) {
    if (error instanceof LeaseLost) return { result: 'lost', lastTarget: null };
    throw error;
  }
}

/**
 * Whether the list must be complete before any job changes, to compare it with the confirmed
 * number.
 */
function mustMeasure({ collected, expected }: RunRow): boolean {
  return !collected && expected.kind === 'exact';
}

/** Serializes the transactions that end a pass or a run. */
async function lockRun(tx: Tx, runId: string): Promise<void> {
  await tx.execute(
    sql`SELECT pg_advisory_xact_lock(
          hashtextextended('good_job_console.bulk_runs/' || ${runId}, 0))`,
  );
}

/**
 * Updates the run and its audit record; throws LeaseLost. Called last, to lock the row only
 * briefly.
 */
async function changeRun(
  tx: Tx,
  run: RunRow,
  { server, elapsedMs }: StepOptions,
  changes = empty,
): Promise<void> {
  const hasLease = await updateRun(
    tx,
    run.id,
    server,
    sql`lease_expires_at = ${leaseEnd},
        active_ms = active_ms + ${Math.round(elapsedMs())} ${changes}`,
  );
  if (!hasLease) throw new LeaseLost();
}

/**
 * Locks the next free targets. Starting at `from` skips the dead index entries of deleted targets.
 */
async function lockNextTargets(
  tx: Tx,
  run: RunRow,
  { skipNext, chunk, parts, from }: StepOptions,
): Promise<Target[]> {
  const afterFrom =
    from === null ? empty : sql`AND (part, job_id) > (${from.part}, ${from.id}::uuid)`;
  return tx.query(
    targetRow,
    sql`
      SELECT job_id AS id, part, ctid::text
        FROM ${TARGETS}
       WHERE run_id = ${run.id}
         AND pass = ${run.pass}
         AND part BETWEEN ${parts.first} AND ${parts.last} ${afterFrom}
       ORDER BY part, job_id
       LIMIT ${skipNext ? 1 : chunk}
         FOR UPDATE SKIP LOCKED`,
  );
}

/** Applies the action to a chunk of jobs. The first pass defers locked jobs to the second one. */
async function processChunk(
  tx: Tx,
  tables: GoodJobTables,
  run: RunRow,
  targets: Target[],
  options: StepOptions,
): Promise<StepResult> {
  const { cutOff, scheduledAt } = run;
  const ids = targets.map(({ id }) => id);
  const ctidById = new Map(targets.map(({ id, ctid }) => [id, ctid]));
  const ctidsOf = (results: Outcome[]) => results.map(({ id }) => ctidById.get(id));
  const outcomes: Outcome[] = options.skipNext
    ? ids.map((id) => ({ id, outcome: 'locked' }))
    : await actOnJobs(tx, tables, jobActionOf(run.action), ids, {
        scheduledAt,
        cutOff,
        batchLockWait: {
          timeoutMs: BATCH_LOCK_TIMEOUT_MS[run.pass === 1 ? 'firstPass' : 'secondPass'],
          busyBatchIds: options.busyBatches,
        },
      });
  const deferred = run.pass === 1 ? outcomes.filter(({ outcome }) => outcome === 'locked') : [];
  const finalOutcomes =
    deferred.length > 0 ? outcomes.filter((outcome) => !deferred.includes(outcome)) : outcomes;
  if (deferred.length > 0)
    await tx.execute(
      sql`UPDATE ${TARGETS} SET pass = 2 WHERE ctid = ANY(${ctidsOf(deferred)}::tid[])`,
    );
  await tx.execute(sql`DELETE FROM ${TARGETS} WHERE ctid = ANY(${ctidsOf(finalOutcomes)}::tid[])`);
  await storeRetries(
    tx,
    run,
    finalOutcomes.flatMap(({ id, outcome }) => (outcome === 'done' ? [id] : [])),
  );
  const notDone = finalOutcomes.filter(({ outcome }) => outcome !== 'done');
  if (notDone.length > 0) await insertSamples(tx, run.id, await lockCounts(tx, run.id), notDone);
  await changeRun(
    tx,
    run,
    options,
    sql`, counts = ${addCounts(sql`counts`, countOutcomes(finalOutcomes))}`,
  );
  return 'worked';
}

/** The sum of two sets of counts, in SQL because other workers update the same row. */
function addCounts(counts: Sql, more: OutcomeCounts): Sql {
  return sql`(
    SELECT coalesce(jsonb_object_agg(name, n), '{}')
      FROM (
        SELECT name, sum(value::bigint) AS n
          FROM (
            SELECT *
              FROM jsonb_each_text(${counts})
            UNION ALL
            SELECT *
              FROM jsonb_each_text(${JSON.stringify(more)})) e(name, value)
         GROUP BY name) s)`;
}

const outcomeCountsRow = z.strictObject({ counts: z.string() });

/**
 * Locks the run's row and returns its counts. Called after all other locks, to hold it only
 * briefly.
 */
async function lockCounts(tx: Tx, runId: string): Promise<OutcomeCounts> {
  const [row] = await tx.query(
    outcomeCountsRow,
    sql`SELECT counts FROM ${RUNS} WHERE id = ${runId} FOR UPDATE`,
  );
  return row ? parseCounts(row.counts) : {};
}

/** When no target of this pass is free: collects more, starts the second pass, or ends the run. */
async function advanceRun(
  tx: Tx,
  tables: GoodJobTables,
  { id, pass }: RunRow,
  options: StepOptions,
): Promise<StepResult> {
  await lockRun(tx, id);
  const run = await readRun(tx, id);
  // Another transaction has just changed the run, so the next step reads it again.
  if (!run || run.state !== 'running' || run.pass !== pass) return 'worked';
  const [lockedTarget] = await tx.query(
    idRow,
    sql`SELECT job_id AS id FROM ${TARGETS} WHERE run_id = ${id} AND pass = ${pass} LIMIT 1`,
  );
  if (lockedTarget && !mustMeasure(run)) return 'idle';
  if (!run.collected) {
    const { end } = await collectWindow(tx, tables, run, options.window);
    if (mustMeasure(run)) return measure(tx, run, end, options);
    await changeRun(tx, run, options, collectedChanges(end));
    return 'collected';
  }
  if (run.pass === 1) {
    await changeRun(tx, run, options, sql`, pass = 2`);
    return 'second_pass';
  }
  if (run.action === 'batch_retry' && run.batchId)
    await finishBatchRetry(tx, tables, run, run.batchId);
  await changeRun(tx, run, options, sql`, state = 'finished', finished_at = clock_timestamp()`);
  return releaseRun(tx, run, options.server);
}

function collectedChanges(end: ScanPosition | null): Sql {
  return sql`, collected = ${end === null},
    collected_to_at = ${end?.at ?? null},
    collected_to_id = ${end?.id ?? null}`;
}

/** Continues to collect, or ends the run as refused if it has more jobs than were confirmed. */
async function measure(
  tx: Tx,
  run: RunRow,
  end: ScanPosition | null,
  options: StepOptions,
): Promise<StepResult> {
  const [row] = await tx.query(
    countRow,
    sql`SELECT count(*)::int AS count FROM ${TARGETS} WHERE run_id = ${run.id}`,
  );
  const listed = row?.count ?? 0;
  const total = listed + processedCount(run.counts);
  if (total > run.expected.count) {
    await changeRun(
      tx,
      run,
      options,
      sql`, state = 'refused',
          finished_at = clock_timestamp(),
          expected = ${total},
          expected_kind = ${end ? 'at_least' : 'exact'},
          counts = ${addCounts(sql`counts`, { refused: listed })}`,
    );
    return releaseRun(tx, run, options.server);
  }
  await changeRun(
    tx,
    run,
    options,
    sql`${collectedChanges(end)}, expected = ${end ? run.expected.count : total}`,
  );
  return 'collected';
}

/**
 * The last part of `GoodJob::Batch#retry`: resets the batch unless no member could be retried.
 * `discarded_at` stays while a member is discarded. Throws RefusalError `app_name_unknown`.
 */
export async function finishBatchRetry(
  tx: Tx,
  tables: GoodJobTables,
  run: Pick<RunRow, 'counts'>,
  batchId: string,
): Promise<void> {
  if ((run.counts.done ?? 0) === 0 && processedCount(run.counts) > 0) return;
  await lockBatches(tx, [batchId]);
  const [discarded] = await tx.query(
    idRow,
    sql`
      SELECT j.id
        FROM (
          SELECT j.id, j.finished_at, j.error
            FROM ${tables.jobs} j
           WHERE j.batch_id = ${batchId}
          OFFSET 0) j
       WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL
       LIMIT 1`,
  );
  await completeBatchRetry(tx, tables, batchId, { keepDiscardedAt: discarded !== undefined });
}

const endedRow = z.strictObject({ isOver: z.boolean() });

/** Returns the lease of a run, and deletes the targets of a run that has ended. */
export async function releaseRun(
  tx: Tx,
  { id }: Pick<RunRow, 'id'>,
  server: string,
): Promise<'stopped'> {
  const [run] = await tx.query(
    endedRow,
    sql`
      SELECT state IN ('cancelled', 'refused', 'finished') AS "isOver"
        FROM ${RUNS}
       WHERE id = ${id}`,
  );
  if (run?.isOver) {
    await deleteTargets(tx, id);
    await deleteOldRetries(tx);
  }
  await tx.execute(sql`
    UPDATE ${RUNS}
       SET lease_owner = NULL, lease_expires_at = NULL
     WHERE id = ${id} AND lease_owner = ${server}`);
  return 'stopped';
}

/**
 * Deletes the targets of a run that no transaction has locked. Call it before locking the run's
 * row, because a chunk locks its targets first.
 */
export async function deleteTargets(tx: Tx, runId: string): Promise<void> {
  // By ctid, because the planner has no statistics for a self-join of a table that was just
  // written.
  await tx.execute(sql`
    DELETE FROM ${TARGETS}
     WHERE run_id = ${runId}
       AND ctid = ANY (ARRAY(
             SELECT ctid
               FROM ${TARGETS}
              WHERE run_id = ${runId}
                FOR UPDATE SKIP LOCKED))`);
}
