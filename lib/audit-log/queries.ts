import 'server-only';
import sql, { type Sql, empty, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS } from '../audit/recorder';
import {
  AUDIT_OUTCOMES,
  AUDIT_TARGET_TYPES,
  type AuditRow,
  type FieldChange,
  type History,
  type HistoryRow,
  MAX_NAMED_TARGETS,
  NOT_RECORDED,
  type RowChange,
} from '../audit/types';
import { RUNS, SAMPLES } from '../bulk/runs';
import type { Ctx } from '../context/request-context';
import {
  type Json,
  compactJson,
  compactJsonInSteps,
  memberOf,
  object,
  parseJson,
  parseJsonInSteps,
  prettyJson,
  stringOf,
} from '../core/json';
import type { TextBudget } from '../core/steps';
import { escapeBidi, isUuid } from '../core/text';
import { type Page, toPage } from '../core/urls';
import {
  MAX_TEXT_BYTES,
  type Order,
  afterCursorSql,
  limitedJson,
  orderBySql,
} from '../db/text-limit';
import { redactInSteps, redactName } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import type { AuditFilter } from './filters';

/** Returns the changed fields of each row, from the stored JSON of `before` and `after`. */
export function readChanges(before: string | null, after: string | null): RowChange[] {
  const oldRows = rowsOf(before);
  const newRows = rowsOf(after);
  return [...new Set([...oldRows.keys(), ...newRows.keys()])].map((id) => {
    const oldRow = oldRows.get(id) ?? new Map<string, string | null>();
    const newRow = newRows.get(id);
    const names = [...new Set([...oldRow.keys(), ...(newRow?.keys() ?? [])])];
    const fields = names.map((name): FieldChange => ({
      name,
      before: oldRow.get(name) ?? null,
      after: newRow?.get(name) ?? null,
    }));
    return {
      id,
      isDeleted: newRow === undefined,
      fields: fields.filter(
        (field) => field.before !== field.after || field.before === NOT_RECORDED,
      ),
    };
  });
}

function rowsOf(text: string | null): Map<string, Map<string, string | null>> {
  const json = text === null ? null : parseJson(text);
  if (json?.kind !== 'object') return new Map();
  return new Map(json.entries.map(({ key, value }) => [key, fieldsOf(value)]));
}

/** Returns the fields of a row; each key of the payload is a separate field. */
function fieldsOf(row: Json): Map<string, string | null> {
  if (row.kind !== 'object') return new Map([['', textOf(row)]]);
  const fields = row.entries.flatMap(({ key, value }): [string, string | null][] =>
    key === 'serialized_params' && value.kind === 'object'
      ? value.entries.map((entry) => [`${key}.${entry.key}`, textOf(entry.value)])
      : [[key, textOf(value)]],
  );
  return new Map(fields);
}

function textOf(json: Json): string | null {
  const text = compactJson(json);
  return text === 'null' ? null : stringOf(json) || text;
}

const storedRow = z.strictObject({
  id: z.string(),
  createdAt: z.string(),
  sortAt: z.string(),
  viewer: z.string(),
  viewerName: z.string().nullable(),
  viewerEmail: z.string().nullable(),
  role: z.string(),
  requestId: z.string(),
  action: z.string(),
  outcome: z.enum(AUDIT_OUTCOMES),
  error: z.string().nullable(),
  targetType: z.enum(AUDIT_TARGET_TYPES),
  targetIds: z.array(z.string()),
  targetName: z.string().nullable(),
  counts: z.string(),
  reason: z.string().nullable(),
  /** Null if too large. */
  details: z.string().nullable(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  /** `before` or `after` is too large. */
  areRowsLarge: z.boolean(),
});
/** A stored record with JSON as text. */
export type StoredRow = z.infer<typeof storedRow>;

/** Empty for `counts` that another program has changed to something else. */
const countsJson = z.record(z.string(), z.number()).catch({});

/** Limit for names, codes and reasons; the console writes shorter ones. */
const MAX_TEXT_LENGTH = 2_000;
const MAX_CLASS_LENGTH = 200;
/** Limit for the ids of a record: the maximum of one transaction. */
const MAX_TARGET_IDS = 500;

/** Returns the columns of `storedRow`; `maxBytes` limits each JSON column. */
function columnsOf(maxBytes: number): Sql {
  const text = (name: string) => sql`left(j.${raw(name)}, ${MAX_TEXT_LENGTH}::int)`;
  const isLarge = (name: string) =>
    sql`(j.${raw(name)} IS NOT NULL AND ${limitedJson(sql`j.${raw(name)}`, maxBytes)} IS NULL)`;
  return sql`
    j.id,
    j.created_at AS "createdAt",
    j.created_at AS "sortAt",
    ${text('viewer')} AS viewer,
    ${text('viewer_name')} AS "viewerName",
    ${text('viewer_email')} AS "viewerEmail",
    ${text('role')} AS role,
    ${text('request_id')} AS "requestId",
    ${text('action')} AS action,
    j.outcome,
    ${text('error')} AS error,
    ${text('target_type')} AS "targetType",
    j.target_ids[1:${MAX_TARGET_IDS}::int] AS "targetIds",
    ${text('target_name')} AS "targetName",
    coalesce(${limitedJson(sql`j.counts`)}, '{}') AS counts,
    ${text('reason')} AS reason,
    ${limitedJson(sql`j.details`, maxBytes)} AS details,
    ${limitedJson(sql`j.before`, maxBytes)} AS before,
    ${limitedJson(sql`j.after`, maxBytes)} AS after,
    ${isLarge('before')} OR ${isLarge('after')} AS "areRowsLarge"`;
}

const NEWEST_FIRST: Order = { key: sql`j.created_at`, direction: 'desc', id: 'bigint' };

/** Redacts stored JSON again, because rules may have been added since it was written. */
export async function redactStored(text: string): Promise<string> {
  const json = await redactInSteps(await parseJsonInSteps(text));
  return compactJsonInSteps(json);
}

/** Redacts `before` or `after` again, row by row, because job classes have their own rules. */
export async function redactStoredRows(text: string): Promise<string> {
  const rows = await parseJsonInSteps(text);
  if (rows.kind !== 'object') return redactStored(text);
  const entries: [string, Json][] = [];
  for (const { key, value } of rows.entries) entries.push([key, await redactInSteps(value)]);
  return compactJsonInSteps(object(entries));
}

/** `escapeBidi` for a nullable column. */
export const escapeNullable = (text: string | null) => text && escapeBidi(text);

async function toRow(stored: StoredRow, budget: TextBudget): Promise<AuditRow> {
  const { before, after, details } = stored;
  const bytes = (before?.length ?? 0) + (after?.length ?? 0) + (details?.length ?? 0);
  const fits = budget.spend(bytes);
  const redactedDetails =
    fits && details !== null ? await redactInSteps(await parseJsonInSteps(details)) : object([]);
  const changes = fits
    ? readChanges(
        before && (await redactStoredRows(before)),
        after && (await redactStoredRows(after)),
      )
    : [];
  return {
    id: stored.id,
    createdAt: stored.createdAt,
    viewer: stored.viewer,
    viewerName: escapeNullable(stored.viewerName),
    viewerEmail: escapeNullable(stored.viewerEmail),
    role: stored.role,
    requestId: stored.requestId,
    action: stored.action,
    outcome: stored.outcome,
    error: stored.error,
    targetType: stored.targetType,
    targetIds: stored.targetIds,
    targetClasses: {},
    targetName: escapeNullable(redactName(stored.targetName)),
    reason: escapeNullable(redactName(stored.reason)),
    counts: countsJson.parse(JSON.parse(stored.counts)),
    filter: stringOf(memberOf(redactedDetails, 'filter')) ?? null,
    bulkRun: stringOf(memberOf(redactedDetails, 'bulk_run')) ?? null,
    changes,
    details: printDetails(redactedDetails),
    tooLarge: !fits || stored.areRowsLarge || details === null,
  };
}

/** The details without the old values for an undo; null if nothing is left. */
function printDetails(details: Json): string | null {
  if (details.kind !== 'object') return prettyJson(details);
  const entries = details.entries.filter(({ key }) => key !== 'undo');
  return entries.length === 0 ? null : prettyJson({ kind: 'object', entries });
}

async function toRows(stored: StoredRow[]): Promise<AuditRow[]> {
  const budget = newPageBudget();
  const rows: AuditRow[] = [];
  for (const row of stored) {
    rows.push(await toRow(row, budget));
    await budget.yieldIfDue();
  }
  return rows;
}

/**
 * Returns the records of a filter as a subquery. Conditions on ids use audit_events_target_ids or
 * audit_events_request_id first (OFFSET 0), because a scan by time would read all records for a
 * rare id. Other filters scan audit_events_viewer, _action, _outcome, _target_name or _created_at.
 */
function selectMatching({
  viewer,
  action,
  target,
  outcome,
  requestId,
  from,
  to,
}: AuditFilter): Sql {
  const conditions = [
    ...(viewer ? [sql`e.viewer = ${viewer}`] : []),
    ...(action ? [sql`e.action = ${action}`] : []),
    ...(outcome ? [sql`e.outcome = ${outcome}`] : []),
    ...(target && !isUuid(target) ? [sql`e.target_name = ${target}`] : []),
    ...(from ? [sql`e.created_at >= ${from}::timestamptz`] : []),
    ...(to ? [sql`e.created_at < ${to}::timestamptz`] : []),
  ];
  const where = (parts: Sql[]) => (parts.length > 0 ? sql`WHERE ${join(parts, ' AND ')}` : empty);
  const idConditions = [
    ...(target && isUuid(target) ? [sql`e.target_ids @> ARRAY[${target}]::uuid[]`] : []),
    ...(requestId ? [sql`e.request_id = ${requestId}`] : []),
  ];
  if (idConditions.length === 0) return sql`(SELECT * FROM ${AUDIT_EVENTS} e ${where(conditions)})`;
  return sql`(
    SELECT *
      FROM (SELECT * FROM ${AUDIT_EVENTS} e ${where(idConditions)} OFFSET 0) e
    ${where(conditions)})`;
}

const createdAtRow = z.strictObject({ at: z.string() });

/**
 * Reads a page of stored records, newest first; empty if the filter is invalid. `maxBytes` limits
 * each JSON column.
 */
export async function listStored(
  ctx: Ctx,
  filter: AuditFilter,
  maxBytes = MAX_TEXT_BYTES,
): Promise<Page<StoredRow>> {
  const none = { rows: [], previous: null, next: null };
  if (!ctx.consoleSchema || filter.notUnderstood.length > 0) return none;
  return ctx.db.read(async (tx) => {
    let { cursor } = filter;
    if (cursor) {
      const [row] = await tx.query(
        createdAtRow,
        sql`SELECT created_at AS at FROM ${AUDIT_EVENTS} WHERE id = ${cursor.id}::bigint`,
      );
      cursor = { ...cursor, at: row?.at ?? cursor.at };
      if (cursor.at === null) return none;
    }
    const rows = await tx.query(
      storedRow,
      sql`
        SELECT ${columnsOf(maxBytes)}
          FROM ${selectMatching(filter)} j
        ${cursor ? sql`WHERE ${afterCursorSql(NEWEST_FIRST, cursor)}` : empty}
        ${orderBySql(NEWEST_FIRST, cursor)}
         LIMIT ${filter.limit + 1}`,
    );
    return toPage(rows, cursor, filter.limit);
  });
}

/** Reads a page of redacted records, newest first; empty if the filter is invalid. */
export async function listAudit(ctx: Ctx, filter: AuditFilter): Promise<Page<AuditRow>> {
  const page = await listStored(ctx, filter);
  return { ...page, rows: await nameTargets(ctx, await toRows(page.rows)) };
}

const jobClassRow = z.strictObject({ id: z.string(), jobClass: z.string().nullable() });

/** Adds the classes of the jobs that the records list first, by good_jobs_pkey. */
async function nameTargets<Row extends AuditRow>(ctx: Ctx, rows: Row[]): Promise<Row[]> {
  const idsOf = ({ targetType, targetIds }: AuditRow) =>
    targetType === 'job' ? targetIds.slice(0, MAX_NAMED_TARGETS) : [];
  const ids = [...new Set(rows.flatMap(idsOf))];
  if (ids.length === 0) return rows;
  const jobs = await ctx.db.read(
    (tx) =>
      tx.query(
        jobClassRow,
        sql`
          SELECT j.id,
                 left(j.job_class, ${MAX_CLASS_LENGTH}::int) AS "jobClass"
            FROM ${ctx.tables.jobs} j
           WHERE j.id = ANY(${ids}::uuid[])`,
      ),
    { byIndexOnly: true },
  );
  const classes = new Map(jobs.map(({ id, jobClass }) => [id, redactName(jobClass)]));
  return rows.map((row) => ({
    ...row,
    targetClasses: Object.fromEntries(
      idsOf(row).flatMap((id): [string, string][] => {
        const jobClass = classes.get(id);
        return jobClass ? [[id, escapeBidi(jobClass)]] : [];
      }),
    ),
  }));
}

const MAX_VIEWERS = 100;

const viewerRow = z.strictObject({ viewer: z.string() });

/** Returns the viewers in the audit, by a loose index scan of audit_events_viewer. */
export async function listViewers(ctx: Ctx): Promise<string[]> {
  if (!ctx.consoleSchema) return [];
  const rows = await ctx.db.read(
    (tx) =>
      tx.query(
        viewerRow,
        sql`
      WITH RECURSIVE viewers AS (
        (SELECT viewer FROM ${AUDIT_EVENTS} ORDER BY viewer LIMIT 1)
        UNION ALL
        SELECT (
                 SELECT e.viewer
                   FROM ${AUDIT_EVENTS} e
                  WHERE e.viewer > viewers.viewer
                  ORDER BY e.viewer
                  LIMIT 1)
          FROM viewers
         WHERE viewers.viewer IS NOT NULL)
      SELECT left(viewer, ${MAX_TEXT_LENGTH}::int) AS viewer
        FROM viewers
       WHERE viewer IS NOT NULL
       LIMIT ${MAX_VIEWERS}`,
      ),
    { byIndexOnly: true },
  );
  return rows.map(({ viewer }) => viewer);
}

const MAX_HISTORY_ROWS = 10;
/** Bulk runs that are checked for whether they may have changed a job. */
const MAX_SCANNED_RUNS = 1_000;

const storedHistoryRow = z.union([
  storedRow.extend({
    sampleOutcome: z.string().nullable(),
    sampleCode: z.string().nullable(),
    hasUnlistedRuns: z.boolean(),
  }),
  /** The only row of an empty history; its other columns are null too. */
  z.looseObject({ id: z.null(), hasUnlistedRuns: z.boolean() }),
]);

/**
 * Returns the newest records with a job or batch as target (audit_events_target_ids) and the bulk
 * runs with a sample of the job (bulk_run_samples_job_id); null without the console's own schema.
 */
export async function historyOf(
  ctx: Ctx,
  kind: 'job' | 'batch',
  id: string,
): Promise<History | null> {
  if (!ctx.consoleSchema) return null;
  const storedRows = await ctx.db.read((tx) =>
    tx.query(storedHistoryRow, selectHistory(ctx, kind, id)),
  );
  const budget = newPageBudget();
  const rows: HistoryRow[] = [];
  for (const row of storedRows) {
    if (row.id === null) continue;
    const { sampleOutcome, sampleCode } = row;
    rows.push({
      ...(await toRow(row, budget)),
      sample: sampleOutcome === null ? null : { outcome: sampleOutcome, code: sampleCode },
    });
    await budget.yieldIfDue();
  }
  return {
    rows: await nameTargets(ctx, rows.slice(0, MAX_HISTORY_ROWS)),
    hasMore: rows.length > MAX_HISTORY_ROWS,
    hasUnlistedRuns: storedRows[0]?.hasUnlistedRuns ?? false,
  };
}

function selectHistory(ctx: Ctx, kind: 'job' | 'batch', id: string): Sql {
  const byTarget = sql`
    SELECT e.id, NULL::text AS outcome, NULL::text AS code
      FROM ${AUDIT_EVENTS} e
     WHERE e.target_ids @> ARRAY[${id}]::uuid[]`;
  const bySample = sql`
    UNION ALL
    SELECT r.audit_id, s.outcome, s.code
      FROM ${SAMPLES} s
      JOIN ${RUNS} r ON r.id = s.run_id
     WHERE s.job_id = ${id} AND r.target <> 'ids'`;
  const batchOfJob = sql`(SELECT j.batch_id FROM ${ctx.tables.jobs} j WHERE j.id = ${id})`;
  const hasUnlistedRuns = sql`EXISTS (
    SELECT 1
      FROM (
        SELECT target, batch_id
          FROM ${RUNS}
         ORDER BY created_at DESC
         LIMIT ${MAX_SCANNED_RUNS}) r
     WHERE r.target <> 'ids' AND (r.batch_id IS NULL OR r.batch_id = ${batchOfJob}))`;
  const includesRuns = ctx.bulkRuns && kind === 'job';
  return sql`
    WITH hits AS MATERIALIZED (${byTarget} ${includesRuns ? bySample : empty}),
    newest AS (
      SELECT ${columnsOf(MAX_TEXT_BYTES)},
             hits.outcome AS "sampleOutcome",
             hits.code AS "sampleCode"
        FROM hits
        JOIN ${AUDIT_EVENTS} j ON j.id = hits.id
      ${orderBySql(NEWEST_FIRST, null)}
       LIMIT ${MAX_HISTORY_ROWS + 1})
    SELECT newest.*, one."hasUnlistedRuns"
      FROM (SELECT ${includesRuns ? hasUnlistedRuns : sql`false`} AS "hasUnlistedRuns") one
      LEFT JOIN newest ON true
     ORDER BY newest."createdAt" DESC, newest.id DESC`;
}
