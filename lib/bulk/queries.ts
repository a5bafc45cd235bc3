import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { escapeBidi } from '../core/bidi';
import { type Order, beyond, orderBy } from '../keyset';
import { type Cursor, type Page, toPage } from '../paging';
import { AUDIT_EVENTS } from '../audit/audit';
import { redactName } from '../redaction';
import { RUNS, SAMPLES } from './run-rows';
import type {
  BulkAction,
  BulkCount,
  BulkRun,
  BulkSample,
  BulkTarget,
  OutcomeCounts,
  RunState,
} from './types';

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
      SELECT ${columns} FROM ${RUNS} j ${from ? sql`WHERE ${beyond(NEWEST_FIRST, from)}` : empty} ${orderBy(NEWEST_FIRST, from)} LIMIT ${PAGE + 1}`);
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
