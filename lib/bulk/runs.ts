import 'server-only';
import sql, { type Sql, empty, raw } from 'sql-template-tag';
import { AUDIT_EVENTS, CONSOLE_SCHEMA } from '../audit/recorder';
import type { Ctx } from '../context/types';
import type { ErrorCode } from '../core/errors';
import { type Cursor, type Page, toPage } from '../core/search-params';
import { escapeBidi } from '../core/text';
import type { Tx } from '../db/database';
import { type Order, afterCursorSql, orderBy } from '../db/text-limit';
import type { RefusalCode } from '../good-job/outcomes';
import type { RowSnapshot } from '../good-job/row-snapshot';
import { redactName } from '../redaction/redaction';
import type {
  BulkAction,
  BulkCount,
  BulkRun,
  BulkSample,
  BulkTarget,
  OutcomeCounts,
  RunState,
} from './types';

/* The tables of bulk runs in the console's own schema (lib/console-schema/migrations.ts, version 2). */

const table = (name: string) => raw(`"${CONSOLE_SCHEMA}"."${name}"`);
export const RUNS = table('bulk_runs');
export const TARGETS = table('bulk_run_targets');
export const SAMPLES = table('bulk_run_samples');
export const ADOPTIONS = table('bulk_run_adoptions');
export const VERSIONS = table('schema_migrations');

/** What the row itself knows; that a run is interrupted is seen from its lease. */
export type StoredState = 'running' | 'paused' | 'cancelled' | 'refused' | 'finished';

/** A run as the one who works on it needs it. */
export interface RunRow {
  id: string;
  auditId: string | null;
  action: BulkAction;
  scheduledAt: string | null;
  target: BulkTarget['kind'];
  filter: string | null;
  batchId: string | null;
  cutOff: RowSnapshot;
  /** Of an `exact` number no more may be listed. */
  expected: BulkCount;
  state: StoredState;
  /** Every target that is left is in bulk_run_targets. */
  collected: boolean;
  /** Where the collecting stopped, in its own order. */
  collectedTo: { at: string | null; id: string } | null;
  pass: number;
  counts: OutcomeCounts;
  leaseOwner: string | null;
}

interface ReadRow extends Omit<RunRow, 'cutOff' | 'collectedTo' | 'counts' | 'expected'> {
  expected: string | null;
  expectedKind: BulkCount['kind'];
  cutOffAt: string;
  cutOffTxid: string;
  collectedToAt: string | null;
  collectedToId: string | null;
  counts: string;
}

/** `also`: more columns, for what they do. */
export async function readRun(tx: Tx, id: string, also: Sql = empty): Promise<RunRow | null> {
  const [row] = await tx.query<ReadRow>(sql`
    SELECT id, audit_id AS "auditId", action, scheduled_at AS "scheduledAt", target, filter, batch_id AS "batchId", cut_off_at AS "cutOffAt", cut_off_txid AS "cutOffTxid",
           expected, expected_kind AS "expectedKind", state, collected, collected_to_at AS "collectedToAt", collected_to_id AS "collectedToId", pass, counts, lease_owner AS "leaseOwner" ${also}
      FROM ${RUNS} WHERE id = ${id}`);
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
    counts: JSON.parse(counts) as OutcomeCounts,
  };
}

/** The target as it was asked for; of selected ids the list itself is in bulk_run_targets. */
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

/** A server's lease on a run, in seconds from the database's clock: what keeps two servers from working on one run. */
export const LEASE_S = 8;
export const leaseEnd: Sql = sql`clock_timestamp() + make_interval(secs => ${LEASE_S})`;

export interface NewRun {
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

export async function insertRun(tx: Tx, run: NewRun): Promise<void> {
  const { target, cutOff } = run;
  await tx.query(sql`
    INSERT INTO ${RUNS} (id, viewer, role, request_id, action, scheduled_at, target, filter, batch_id, cut_off_at, cut_off_txid, expected_kind, state, collected, lease_owner, lease_expires_at)
    VALUES (${run.id}, ${run.viewer}, ${run.role}, ${run.requestId}, ${run.action}, ${run.scheduledAt}, ${target.kind}, ${target.kind === 'filter' ? target.query : null},
            ${target.kind === 'ids' ? null : target.batchId}, ${cutOff.at}, ${cutOff.txid}, 'exact', 'running', false, ${run.server}, ${leaseEnd})`);
}

export async function completeNewRun(
  tx: Tx,
  id: string,
  {
    collected,
    expected,
    auditId,
  }: { collected: boolean; expected: BulkCount; auditId: string | null },
): Promise<void> {
  await tx.query(sql`
    UPDATE ${RUNS} SET collected = ${collected}, expected = ${expected.count}, expected_kind = ${expected.kind}, audit_id = ${auditId} WHERE id = ${id}`);
}

/**
 * Changes of a run by its own server, and the same counts in its audit record; false: the lease is somebody else's by
 * now, and the caller's transaction must not count.
 */
export async function updateRun(
  tx: Tx,
  id: string,
  server: string,
  changes: Sql,
): Promise<boolean> {
  const rows = await tx.query(sql`
    WITH run AS (UPDATE ${RUNS} SET ${changes} WHERE id = ${id} AND lease_owner = ${server} RETURNING audit_id, counts),
         recorded AS (UPDATE ${AUDIT_EVENTS} e SET counts = run.counts FROM run WHERE e.id = run.audit_id AND e.counts <> run.counts)
    SELECT 1 FROM run`);
  return rows.length > 0;
}

/** Why a run paused by itself. */
export type PauseReason = ErrorCode | RefusalCode;

interface ReadRun extends Omit<BulkRun, 'expected' | 'counts' | 'activeMs'> {
  sortAt: string;
  expected: string | null;
  expectedKind: BulkCount['kind'];
  counts: string;
  activeMs: string;
  action: BulkAction;
  target: BulkTarget['kind'];
  state: RunState;
}

const columns: Sql = sql`
  j.id, j.created_at AS "createdAt", j.created_at AS "sortAt", left(j.viewer, 1000) AS viewer, j.action, j.scheduled_at AS "scheduledAt", j.target, j.filter, j.batch_id AS "batchId",
  j.cut_off_at AS "cutOffAt", j.expected, j.expected_kind AS "expectedKind", j.pause_reason AS "pauseReason", left(j.controlled_by, 1000) AS "controlledBy", j.counts,
  (SELECT (e.details ->> 'confirmed')::int FROM ${AUDIT_EVENTS} e WHERE e.id = j.audit_id) AS confirmed,
  (SELECT left(e.reason, 2000) FROM ${AUDIT_EVENTS} e WHERE e.id = j.audit_id) AS reason,
  j.pass = 2 AS "secondTry", j.active_ms AS "activeMs", j.finished_at AS "finishedAt",
  CASE WHEN j.state = 'running' AND coalesce(j.lease_expires_at < clock_timestamp(), true) THEN 'interrupted' ELSE j.state END AS state`;

function toRun({
  sortAt: _,
  expected,
  expectedKind,
  counts,
  activeMs,
  reason,
  ...run
}: ReadRun): BulkRun {
  return {
    ...run,
    reason: reason && escapeBidi(redactName(reason)),
    expected: { kind: expectedKind, count: Number(expected ?? 0) },
    counts: JSON.parse(counts) as OutcomeCounts,
    activeMs: Number(activeMs),
  };
}

export async function getRun(ctx: Ctx, id: string): Promise<BulkRun | null> {
  if (!ctx.bulkRuns) return null;
  const [row] = await ctx.db.read((tx) =>
    tx.query<ReadRun>(sql`SELECT ${columns} FROM ${RUNS} j WHERE j.id = ${id}`),
  );
  return row ? toRun(row) : null;
}

const PAGE = 25;
const NEWEST_FIRST: Order = { key: sql`j.created_at`, direction: 'desc' };

/** One page of all runs, newest first, by bulk_runs_created_at; empty without the tables. */
export async function listRuns(ctx: Ctx, cursor: Cursor | null): Promise<Page<BulkRun>> {
  if (!ctx.bulkRuns) return { rows: [], previous: null, next: null };
  return ctx.db.read(async (tx) => {
    const at =
      cursor &&
      ((
        await tx.query<{ at: string }>(
          sql`SELECT created_at AS at FROM ${RUNS} WHERE id = ${cursor.id}`,
        )
      )[0]?.at ??
        cursor.at);
    if (cursor && !at) return { rows: [], previous: null, next: null };
    const from = cursor && { ...cursor, at: at ?? null };
    const rows = await tx.query<ReadRun>(sql`
      SELECT ${columns} FROM ${RUNS} j ${from ? sql`WHERE ${afterCursorSql(NEWEST_FIRST, from)}` : empty} ${orderBy(NEWEST_FIRST, from)} LIMIT ${PAGE + 1}`);
    const page = toPage(rows, from, PAGE);
    return { ...page, rows: page.rows.map(toRun) };
  });
}

/** The first jobs of each outcome but `done`: SAMPLES_KEPT of each at most. */
export async function listSamples(ctx: Ctx, runId: string): Promise<BulkSample[]> {
  if (!ctx.bulkRuns) return [];
  return ctx.db.read((tx) =>
    tx.query<BulkSample>(
      sql`SELECT job_id AS "jobId", outcome, code FROM ${SAMPLES} WHERE run_id = ${runId} ORDER BY outcome, job_id LIMIT 1000`,
    ),
  );
}
