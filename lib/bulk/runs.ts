import 'server-only';
import sql, { type Sql, empty, raw } from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS, CONSOLE_SCHEMA } from '../audit/recorder';
import type { Ctx } from '../context/request-context';
import { ERROR_CODES, type ErrorCode } from '../core/errors';
import { escapeBidi } from '../core/text';
import { type Cursor, type Page, toPage } from '../core/urls';
import type { Tx } from '../db/database';
import { type Order, afterCursorSql, orderBySql } from '../db/text-limit';
import type { RowSnapshot } from '../good-job/locks';
import { idRow } from '../good-job/tables';
import { type Outcome, REFUSAL_CODES, type RefusalCode } from '../good-job/types';
import { redactName } from '../redaction/redaction';
import { withRetryCounts } from './retries';
import {
  BULK_ACTIONS,
  type BulkAction,
  type BulkCount,
  type BulkRun,
  type BulkSample,
  type BulkTarget,
  COUNT_KINDS,
  MAX_SAMPLES,
  OUTCOMES,
  type OutcomeCounts,
  RUN_STATES,
} from './types';

const table = (name: string) => raw(`"${CONSOLE_SCHEMA}"."${name}"`);
export const RUNS = table('bulk_runs');
export const TARGETS = table('bulk_run_targets');
export const SAMPLES = table('bulk_run_samples');
export const ADOPTIONS = table('bulk_run_adoptions');
export const VERSIONS = table('schema_migrations');

/** The stored states; `interrupted` is derived from the lease. */
const STORED_STATES = ['running', 'paused', 'cancelled', 'refused', 'finished'] as const;

const targetKind = z.enum(['ids', 'filter', 'batch']) satisfies z.ZodType<BulkTarget['kind']>;

const runRow = z.strictObject({
  id: z.string(),
  action: z.enum(BULK_ACTIONS),
  scheduledAt: z.string().nullable(),
  target: targetKind,
  filter: z.string().nullable(),
  batchId: z.string().nullable(),
  cutOffAt: z.string(),
  expected: z.string().nullable(),
  expectedKind: z.enum(COUNT_KINDS),
  counts: z.string(),
});

/** The columns of a run that its server needs. */
const storedRunRow = runRow.extend({
  auditId: z.string().nullable(),
  cutOffTxid: z.string(),
  state: z.enum(STORED_STATES),
  /** All remaining targets are in bulk_run_targets. */
  collected: z.boolean(),
  collectedToAt: z.string().nullable(),
  collectedToId: z.string().nullable(),
  pass: z.number(),
  leaseOwner: z.string().nullable(),
});
type StoredRunRow = z.infer<typeof storedRunRow>;

/** A run as its server needs it. */
export interface RunRow extends Pick<
  StoredRunRow,
  | 'id'
  | 'auditId'
  | 'action'
  | 'scheduledAt'
  | 'target'
  | 'filter'
  | 'batchId'
  | 'state'
  | 'collected'
  | 'pass'
  | 'leaseOwner'
> {
  cutOff: RowSnapshot;
  /** If `exact`, the run must not list more jobs. */
  expected: BulkCount;
  /** The last position of the scan that collects targets. */
  collectedTo: { at: string | null; id: string } | null;
  counts: OutcomeCounts;
}

const storedCounts = z.record(z.string(), z.number());

/** Parses the column `counts`. Ignores outcomes that only a newer release of the console has. */
export function parseCounts(text: string): OutcomeCounts {
  const stored = storedCounts.parse(JSON.parse(text));
  const counts: OutcomeCounts = {};
  for (const outcome of OUTCOMES)
    if (stored[outcome] !== undefined) counts[outcome] = stored[outcome];
  return counts;
}

/** The run, or null if it does not exist. `also`: more columns, for their side effects. */
export async function readRun(tx: Tx, id: string, also: Sql = empty): Promise<RunRow | null> {
  const [row] = await tx.query(
    storedRunRow.loose(),
    sql`
      SELECT id, audit_id AS "auditId", action, scheduled_at AS "scheduledAt", target, filter,
             batch_id AS "batchId", cut_off_at AS "cutOffAt", cut_off_txid AS "cutOffTxid",
             expected, expected_kind AS "expectedKind", state, collected,
             collected_to_at AS "collectedToAt", collected_to_id AS "collectedToId", pass, counts,
             lease_owner AS "leaseOwner" ${also}
        FROM ${RUNS}
       WHERE id = ${id}`,
  );
  if (!row) return null;
  const {
    cutOffAt,
    cutOffTxid,
    collectedToAt,
    collectedToId,
    counts,
    expected,
    expectedKind,
    ...rest
  } = row;
  return {
    ...rest,
    expected: { kind: expectedKind, count: Number(expected ?? 0) },
    cutOff: { at: cutOffAt, txid: cutOffTxid },
    collectedTo: collectedToId === null ? null : { at: collectedToAt, id: collectedToId },
    counts: parseCounts(counts),
  };
}

/** The target of a run; the ids of selected jobs are only in bulk_run_targets. */
export function targetOf({
  target,
  filter,
  batchId,
}: Pick<RunRow, 'target' | 'filter' | 'batchId'>): BulkTarget {
  switch (target) {
    case 'ids':
      return { kind: 'ids', ids: [] };
    case 'filter':
      return { kind: 'filter', query: filter ?? '', batchId };
    case 'batch':
      return { kind: 'batch', batchId: batchId ?? '' };
  }
}

/** Duration of a server's lease, which keeps two servers from processing one run. */
export const LEASE_SECONDS = 8;
/** The end of a lease that starts now, by the clock of the database. */
export const leaseEnd: Sql = sql`clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})`;

interface NewRun {
  id: string;
  viewer: string;
  role: string;
  requestId: string;
  action: BulkAction;
  scheduledAt: string | null;
  target: BulkTarget;
  cutOff: RowSnapshot;
  server: string;
}

/** Inserts a run that is leased to `run.server` and has no targets yet. */
export async function insertRun(tx: Tx, run: NewRun): Promise<void> {
  const { target, cutOff } = run;
  await tx.execute(sql`
    INSERT INTO ${RUNS} (
           id, viewer, role, request_id, action, scheduled_at, target, filter, batch_id,
           cut_off_at, cut_off_txid, expected_kind, state, collected, lease_owner, lease_expires_at)
    VALUES (${run.id}, ${run.viewer}, ${run.role}, ${run.requestId}, ${run.action},
            ${run.scheduledAt}, ${target.kind}, ${target.kind === 'filter' ? target.query : null},
            ${target.kind === 'ids' ? null : target.batchId}, ${cutOff.at}, ${cutOff.txid},
            'exact', 'running', false, ${run.server}, ${leaseEnd})`);
}

/** Stores the results of listing the targets in the same transaction as insertRun(). */
export async function completeNewRun(
  tx: Tx,
  id: string,
  {
    collected,
    expected,
    auditId,
  }: { collected: boolean; expected: BulkCount; auditId: string | null },
): Promise<void> {
  await tx.execute(sql`
    UPDATE ${RUNS}
       SET collected = ${collected},
           expected = ${expected.count},
           expected_kind = ${expected.kind},
           audit_id = ${auditId}
     WHERE id = ${id}`);
}

/**
 * Updates a run and the counts of its audit record. False if `server` has lost the lease; the
 * caller must then roll back its transaction.
 */
export async function updateRun(
  tx: Tx,
  id: string,
  server: string,
  changes: Sql,
): Promise<boolean> {
  const rows = await tx.query(
    idRow,
    sql`
      WITH run AS (
             UPDATE ${RUNS}
                SET ${changes}
              WHERE id = ${id} AND lease_owner = ${server}
             RETURNING id, audit_id, counts),
           audited AS (
             UPDATE ${AUDIT_EVENTS} e
                SET counts = run.counts
               FROM run
              WHERE e.id = run.audit_id AND e.counts <> run.counts)
      SELECT id
        FROM run`,
  );
  return rows.length > 0;
}

/** Why a run paused itself. */
export type PauseReason = ErrorCode | RefusalCode;

const listedRunRow = runRow.extend({
  createdAt: z.string(),
  sortAt: z.string(),
  viewer: z.string(),
  pauseReason: z.enum([...ERROR_CODES, ...REFUSAL_CODES]).nullable(),
  controlledBy: z.string().nullable(),
  confirmed: z.number().nullable(),
  reason: z.string().nullable(),
  secondTry: z.boolean(),
  activeMs: z.string(),
  finishedAt: z.string().nullable(),
  state: z.enum(RUN_STATES),
});
type StoredRun = z.infer<typeof listedRunRow>;

/** Selects a `listedRunRow`. */
const columns: Sql = sql`
  j.id, j.created_at AS "createdAt", j.created_at AS "sortAt", left(j.viewer, 1000) AS viewer,
  j.action, j.scheduled_at AS "scheduledAt", j.target, j.filter, j.batch_id AS "batchId",
  j.cut_off_at AS "cutOffAt", j.expected, j.expected_kind AS "expectedKind",
  j.pause_reason AS "pauseReason", left(j.controlled_by, 1000) AS "controlledBy", j.counts,
  (SELECT (e.details ->> 'confirmed')::int
     FROM ${AUDIT_EVENTS} e
    WHERE e.id = j.audit_id) AS confirmed,
  (SELECT left(e.reason, 2000) FROM ${AUDIT_EVENTS} e WHERE e.id = j.audit_id) AS reason,
  j.pass = 2 AS "secondTry", j.active_ms AS "activeMs", j.finished_at AS "finishedAt",
  CASE
    WHEN j.state = 'running' AND coalesce(j.lease_expires_at < clock_timestamp(), true)
      THEN 'interrupted'
    ELSE j.state END AS state`;

function toRun({
  sortAt: _,
  expected,
  expectedKind,
  counts,
  activeMs,
  reason,
  ...run
}: StoredRun): BulkRun {
  return {
    ...run,
    reason: reason && escapeBidi(redactName(reason)),
    expected: { kind: expectedKind, count: Number(expected ?? 0) },
    counts: parseCounts(counts),
    activeMs: Number(activeMs),
  };
}

/** The run; null if it does not exist or this database has no tables of runs. */
export async function getRun(ctx: Ctx, id: string): Promise<BulkRun | null> {
  if (!ctx.bulkRuns) return null;
  const [row] = await ctx.db.read((tx) =>
    tx.query(listedRunRow, sql`SELECT ${columns} FROM ${RUNS} j WHERE j.id = ${id}`),
  );
  if (!row) return null;
  const [run = null] = await withRetryCounts(ctx, [toRun(row)]);
  return run;
}

const PAGE_ROWS = 25;
const NEWEST_FIRST: Order = { key: sql`j.created_at`, direction: 'desc' };

/** One page of runs, newest first, by bulk_runs_created_at; empty without the tables of runs. */
export async function listRuns(ctx: Ctx, cursor: Cursor | null): Promise<Page<BulkRun>> {
  if (!ctx.bulkRuns) return { rows: [], previous: null, next: null };
  const page = await ctx.db.read(async (tx): Promise<Page<BulkRun>> => {
    const cursorAt = cursor && (await readCursorTime(tx, cursor));
    if (cursor && !cursorAt) return { rows: [], previous: null, next: null };
    const from = cursor && { ...cursor, at: cursorAt ?? null };
    const rows = await tx.query(
      listedRunRow,
      sql`
        SELECT ${columns}
          FROM ${RUNS} j
         ${from ? sql`WHERE ${afterCursorSql(NEWEST_FIRST, from)}` : empty}
         ${orderBySql(NEWEST_FIRST, from)}
         LIMIT ${PAGE_ROWS + 1}`,
    );
    const page = toPage(rows, from, PAGE_ROWS);
    return { ...page, rows: page.rows.map(toRun) };
  });
  return { ...page, rows: await withRetryCounts(ctx, page.rows) };
}

const createdAtRow = z.strictObject({ createdAt: z.string() });

/** The stored time of the cursor's run, or the cursor's own time if the run no longer exists. */
async function readCursorTime(tx: Tx, cursor: Cursor): Promise<string | null> {
  const [row] = await tx.query(
    createdAtRow,
    sql`SELECT created_at AS "createdAt" FROM ${RUNS} WHERE id = ${cursor.id}`,
  );
  return row?.createdAt ?? cursor.at;
}

/**
 * Stores up to MAX_SAMPLES jobs of each outcome other than `done`. `counts`: the outcomes of the
 * run before these.
 */
export async function insertSamples(
  tx: Tx,
  runId: string,
  counts: OutcomeCounts,
  outcomes: Outcome[],
): Promise<void> {
  const capacity = new Map<string, number>();
  const samples = outcomes.filter(({ outcome }) => {
    const free = capacity.get(outcome) ?? MAX_SAMPLES - (counts[outcome] ?? 0);
    capacity.set(outcome, free - 1);
    return free > 0;
  });
  if (samples.length === 0) return;
  const codes = samples.map((outcome) => (outcome.outcome === 'refused' ? outcome.code : null));
  await tx.execute(sql`
    INSERT INTO ${SAMPLES} (run_id, job_id, outcome, code)
    SELECT ${runId}::uuid, *
      FROM unnest(
             ${samples.map(({ id }) => id)}::uuid[],
             ${samples.map(({ outcome }) => outcome)}::text[],
             ${codes}::text[])`);
}

const sampleRow = z.strictObject({
  jobId: z.string(),
  outcome: z.enum(OUTCOMES),
  code: z.enum(REFUSAL_CODES).nullable(),
}) satisfies z.ZodType<BulkSample>;

/** The first jobs of each outcome other than `done`, at most MAX_SAMPLES of each. */
export async function listSamples(ctx: Ctx, runId: string): Promise<BulkSample[]> {
  if (!ctx.bulkRuns) return [];
  return ctx.db.read((tx) =>
    tx.query(
      sampleRow,
      sql`
        SELECT job_id AS "jobId", outcome, code
          FROM ${SAMPLES}
         WHERE run_id = ${runId}
         ORDER BY outcome, job_id
         LIMIT 1000`,
    ),
  );
}
