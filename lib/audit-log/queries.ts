import 'server-only';
import sql, { type Sql, empty, join, raw } from 'sql-template-tag';
import { AUDIT_EVENTS } from '../audit/recorder';
import {
  type AuditRow,
  type FieldChange,
  type History,
  type HistoryRow,
  NOT_RECORDED,
  type RowChange,
} from '../audit/types';
import { RUNS, SAMPLES } from '../bulk/runs';
import type { Ctx } from '../context/types';
import { type Json, get, object, stringOf } from '../core/json';
import {
  compactJson,
  compactJsonInSteps,
  parseJson,
  parseJsonInSteps,
  prettyJson,
} from '../core/json-text';
import { type Page, toPage } from '../core/search-params';
import type { TextBudget } from '../core/steps';
import { escapeBidi, isUuid } from '../core/text';
import { MAX_TEXT_BYTES, type Order, afterCursorSql, limitedJson, orderBy } from '../db/text-limit';
import { redactInSteps, redactName } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import type { AuditFilter } from './filters';

/** The rows of a record, field by field, without the fields that stayed the same; from `before` and `after` as they are stored. */
export function readChanges(before: string | null, after: string | null): RowChange[] {
  const [was, is] = [rowsOf(before), rowsOf(after)];
  return [...new Set([...was.keys(), ...is.keys()])].map((id) => {
    const [old, now] = [was.get(id) ?? new Map<string, string | null>(), is.get(id)];
    const names = [...new Set([...old.keys(), ...(now?.keys() ?? [])])];
    const fields = names.map((name): FieldChange => ({
      name,
      before: old.get(name) ?? null,
      after: now?.get(name) ?? null,
    }));
    return {
      id,
      gone: now === undefined,
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

/** The payload's own keys are fields of their own. */
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

/** A record as it is stored; JSON as text. What is too large was not read. */
export interface StoredRow extends Omit<
  AuditRow,
  'counts' | 'changes' | 'details' | 'filter' | 'bulkRun' | 'tooLarge'
> {
  sortAt: string;
  counts: string;
  /** Null: too large. */
  details: string | null;
  before: string | null;
  after: string | null;
  /** `before` or `after` is too large. */
  areRowsLarge: boolean;
}

/** Characters of a name, a code or a reason; the console itself writes far fewer. */
const MAX_TEXT_LENGTH = 2_000;
/** Ids of a record that are read: as many as one transaction changes. */
const MAX_TARGET_IDS = 500;

/** `maxBytes`: of each JSON. */
function columnsOf(maxBytes: number): Sql {
  const text = (name: string) => sql`left(j.${raw(name)}, ${MAX_TEXT_LENGTH}::int)`;
  const isLarge = (name: string) =>
    sql`(j.${raw(name)} IS NOT NULL AND ${limitedJson(sql`j.${raw(name)}`, maxBytes)} IS NULL)`;
  return sql`
    j.id, j.created_at AS "createdAt", j.created_at AS "sortAt", ${text('viewer')} AS viewer,
    ${text('viewer_name')} AS "viewerName", ${text('viewer_email')} AS "viewerEmail", ${text('role')} AS role,
    ${text('request_id')} AS "requestId", ${text('action')} AS action, j.outcome, ${text('error')} AS error,
    ${text('target_type')} AS "targetType", j.target_ids[1:${MAX_TARGET_IDS}::int] AS "targetIds",
    ${text('target_name')} AS "targetName", coalesce(${limitedJson(sql`j.counts`)}, '{}') AS counts,
    ${text('reason')} AS reason, ${limitedJson(sql`j.details`, maxBytes)} AS details,
    ${limitedJson(sql`j.before`, maxBytes)} AS before, ${limitedJson(sql`j.after`, maxBytes)} AS after,
    ${isLarge('before')} OR ${isLarge('after')} AS "areRowsLarge"`;
}

const NEWEST_FIRST: Order = { key: sql`j.created_at`, direction: 'desc', id: 'bigint' };

/** Redacts stored JSON again, for the rules may have grown since: `details` of a record. */
export async function redactStored(text: string): Promise<string> {
  const json = await redactInSteps(await parseJsonInSteps(text));
  return compactJsonInSteps(json);
}

/** The same for `before` and `after`, row by row: a class may have rules of its own. */
export async function redactStoredRows(text: string): Promise<string> {
  const rows = await parseJsonInSteps(text);
  if (rows.kind !== 'object') return redactStored(text);
  const entries: [string, Json][] = [];
  for (const { key, value } of rows.entries) entries.push([key, await redactInSteps(value)]);
  return compactJsonInSteps(object(entries));
}

const escaped = (text: string | null) => text && escapeBidi(text);

async function toRow(stored: StoredRow, budget: TextBudget): Promise<AuditRow> {
  const { before, after, details } = stored;
  const bytes = (before?.length ?? 0) + (after?.length ?? 0) + (details?.length ?? 0);
  const fits = budget.spend(bytes);
  const recorded =
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
    viewerName: escaped(stored.viewerName),
    viewerEmail: escaped(stored.viewerEmail),
    role: stored.role,
    requestId: stored.requestId,
    action: stored.action,
    outcome: stored.outcome,
    error: stored.error,
    targetType: stored.targetType,
    targetIds: stored.targetIds,
    targetName: escaped(redactName(stored.targetName)),
    reason: escaped(redactName(stored.reason)),
    counts: JSON.parse(stored.counts) as Record<string, number>,
    filter: stringOf(get(recorded, 'filter')) ?? null,
    bulkRun: stringOf(get(recorded, 'bulk_run')) ?? null,
    changes,
    details: !fits || details === null || details === '{}' ? null : prettyJson(recorded),
    tooLarge: !fits || stored.areRowsLarge || details === null,
  };
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
 * Where the records of the filter are. An id is looked up in its own index (audit_events_target_ids, _request_id) and
 * what is found then sorted: a walk by time would read all records for one that is rare. The rest walks
 * audit_events_viewer, _action, _outcome, _target_name or _created_at, for as long as a statement may take.
 */
function matching({ viewer, action, target, outcome, requestId, from, to }: AuditFilter): Sql {
  const plain = [
    ...(viewer ? [sql`e.viewer = ${viewer}`] : []),
    ...(action ? [sql`e.action = ${action}`] : []),
    ...(outcome ? [sql`e.outcome = ${outcome}`] : []),
    ...(target && !isUuid(target) ? [sql`e.target_name = ${target}`] : []),
    ...(from ? [sql`e.created_at >= ${from}::timestamptz`] : []),
    ...(to ? [sql`e.created_at < ${to}::timestamptz`] : []),
  ];
  const where = (conditions: Sql[]) =>
    conditions.length > 0 ? sql`WHERE ${join(conditions, ' AND ')}` : empty;
  const rare = [
    ...(target && isUuid(target) ? [sql`e.target_ids @> ARRAY[${target}]::uuid[]`] : []),
    ...(requestId ? [sql`e.request_id = ${requestId}`] : []),
  ];
  if (rare.length === 0) return sql`(SELECT * FROM ${AUDIT_EVENTS} e ${where(plain)})`;
  return sql`(SELECT * FROM (SELECT * FROM ${AUDIT_EVENTS} e ${where(rare)} OFFSET 0) e ${where(plain)})`;
}

/** One page of records, newest first, as they are stored; empty while a part of the filter could not be read. `maxBytes`: of each JSON. */
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
      const [row] = await tx.query<{ at: string }>(
        sql`SELECT created_at AS at FROM ${AUDIT_EVENTS} WHERE id = ${cursor.id}::bigint`,
      );
      cursor = { ...cursor, at: row?.at ?? cursor.at };
      if (cursor.at === null) return none;
    }
    const rows = await tx.query<StoredRow>(sql`
      SELECT ${columnsOf(maxBytes)} FROM ${matching(filter)} j
             ${cursor ? sql`WHERE ${afterCursorSql(NEWEST_FIRST, cursor)}` : empty}
             ${orderBy(NEWEST_FIRST, cursor)} LIMIT ${filter.limit + 1}`);
    return toPage(rows, cursor, filter.limit);
  });
}

/** One page of the audit, newest first. */
export async function listAudit(ctx: Ctx, filter: AuditFilter): Promise<Page<AuditRow>> {
  const page = await listStored(ctx, filter);
  return { ...page, rows: await toRows(page.rows) };
}

const VIEWERS = 100;

/** Who is in the audit, for a form to choose from: one step in audit_events_viewer for each. */
export async function listViewers(ctx: Ctx): Promise<string[]> {
  if (!ctx.consoleSchema) return [];
  const rows = await ctx.db.read(
    (tx) =>
      tx.query<{ viewer: string }>(sql`
      WITH RECURSIVE found AS (
        (SELECT viewer FROM ${AUDIT_EVENTS} ORDER BY viewer LIMIT 1)
        UNION ALL
        SELECT (SELECT e.viewer FROM ${AUDIT_EVENTS} e WHERE e.viewer > found.viewer ORDER BY e.viewer LIMIT 1) FROM found WHERE found.viewer IS NOT NULL)
      SELECT left(viewer, ${MAX_TEXT_LENGTH}::int) AS viewer FROM found WHERE viewer IS NOT NULL LIMIT ${VIEWERS}`),
    { byIndexOnly: true },
  );
  return rows.map(({ viewer }) => viewer);
}

const HISTORY = 10;
/** Runs that are looked at for whether there are some that name no job. */
const RUNS_LOOKED_AT = 1_000;

/**
 * The newest records that name this job or batch (audit_events_target_ids), and the bulk runs that kept it among the
 * jobs that they left alone (bulk_run_samples_job_id).
 */
export async function historyOf(
  ctx: Ctx,
  kind: 'job' | 'batch',
  id: string,
): Promise<History | null> {
  if (!ctx.consoleSchema) return null;
  const named = sql`SELECT e.id, NULL::text AS outcome, NULL::text AS code FROM ${AUDIT_EVENTS} e WHERE e.target_ids @> ARRAY[${id}]::uuid[]`;
  const sampled = sql`UNION ALL SELECT r.audit_id, s.outcome, s.code FROM ${SAMPLES} s JOIN ${RUNS} r ON r.id = s.run_id WHERE s.job_id = ${id} AND r.target <> 'ids'`;
  const isJob = ctx.bulkRuns && kind === 'job';
  const untold = sql`EXISTS (SELECT 1 FROM (SELECT target, batch_id FROM ${RUNS} ORDER BY created_at DESC LIMIT ${RUNS_LOOKED_AT}) r
                             WHERE r.target <> 'ids' AND (r.batch_id IS NULL OR r.batch_id = (SELECT j.batch_id FROM ${ctx.tables.jobs} j WHERE j.id = ${id})))`;
  const rows = await ctx.db.read((tx) =>
    tx.query<
      | (StoredRow & { sampleOutcome: string | null; sampleCode: string | null; untold: boolean })
      | { id: null; untold: boolean }
    >(sql`
      WITH hits AS MATERIALIZED (${named} ${isJob ? sampled : empty}),
           newest AS (SELECT ${columnsOf(MAX_TEXT_BYTES)}, hits.outcome AS "sampleOutcome", hits.code AS "sampleCode" FROM hits JOIN ${AUDIT_EVENTS} j ON j.id = hits.id ${orderBy(NEWEST_FIRST, null)} LIMIT ${HISTORY + 1})
      SELECT newest.*, one.untold FROM (SELECT ${isJob ? untold : sql`false`} AS untold) one LEFT JOIN newest ON true ORDER BY newest."createdAt" DESC, newest.id DESC`),
  );
  const budget = newPageBudget();
  const found: HistoryRow[] = [];
  for (const row of rows) {
    if (row.id === null) continue;
    const { sampleOutcome, sampleCode } = row;
    found.push({
      ...(await toRow(row, budget)),
      sample: sampleOutcome === null ? null : { outcome: sampleOutcome, code: sampleCode },
    });
    await budget.yieldIfDue();
  }
  return {
    rows: found.slice(0, HISTORY),
    more: found.length > HISTORY,
    untold: rows[0]?.untold ?? false,
  };
}
