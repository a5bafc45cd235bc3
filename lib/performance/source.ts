import 'server-only';
import sql, { type Sql, empty, join, raw } from 'sql-template-tag';
import { ProcessCache } from '../core/process-cache';
import type { Tx } from '../db/database';
import { type GoodJobTables, quoteIdentifier } from '../good-job/tables';
import type { Accuracy, Period } from './filters';

/*
 * Which executions are read. GoodJob has no index of them by time, but one by process and time
 * (index_good_job_executions_on_process_id_and_created_at): with the processes known, any span of time is one range of
 * it each. Where a period has more executions than can be read, pages of the table are, chosen at random: whatever came
 * in a burst is among them as often as it is in the table, which slices of time would miss or take for all there is.
 * Only where a period is so small a part of a large table that those pages hold next to nothing of it, slices of time
 * are read.
 */

/** What an index finds executions of a span of time by. */
type Access = { kind: 'time' } | { kind: 'process'; ids: string[] } | { kind: 'pages' };

export interface Source {
  /** Executions as rows, with the columns that were asked for; `class`, if any, already held to. */
  rows: Sql;
  share: number;
}

const PROCESSES = 2_000;
/** Pages that are looked at before it is decided how many are read. */
const PILOT_PAGES = 400;
/** Pages of the table that a sample reads at most. */
const PAGES = 6_000;
/** A sample of pages with fewer executions of the period says little. */
const FEW = 1_500;
/** Executions in the period that are counted at most, by the index alone. */
const COUNTED = 2_000_000;
const INDEXES_TTL_MS = 60_000;

export interface SourceOptions {
  period: Period;
  buckets: number;
  /** Executions to be read at most, about. */
  target: number;
  /** What is read of each, on the alias `e`. */
  columns: Sql;
  jobClass: string | null;
}

interface Indexes {
  time: boolean;
  process: boolean;
}

const executionIndexes = new ProcessCache<Indexes>('execution indexes', {
  ttlMs: INDEXES_TTL_MS,
  maxEntries: 20,
});

async function indexesOf(tx: Tx, tables: GoodJobTables): Promise<Indexes> {
  const { identity } = tables.schema;
  const cached = executionIndexes.peek(identity, '');
  if (cached) return cached;
  const rows = await tx.query<{ columns: string[] }>(
    sql`
      SELECT ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) k) AS columns
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ${tables.schema.name} AND c.relname = 'good_job_executions' AND i.indisvalid AND i.indpred IS NULL`,
  );
  const indexes: Indexes = {
    time: rows.some(({ columns }) => columns[0] === 'created_at'),
    process: rows.some(({ columns: [one, two] }) => one === 'process_id' && two === 'created_at'),
  };
  executionIndexes.set(identity, '', indexes);
  return indexes;
}

async function accessTo(tx: Tx, tables: GoodJobTables, { from, to }: Period): Promise<Access> {
  const indexes = await indexesOf(tx, tables);
  if (indexes.time) return { kind: 'time' };
  if (!indexes.process) return { kind: 'pages' };
  // A loose scan: one probe for each process that there ever was, and one for whether it was at work then.
  const [row] = await tx.query<{ all: number; ids: string[] | null }>(sql`
    WITH RECURSIVE p AS (
      (SELECT e.process_id AS id, 1 AS n FROM ${tables.executions} e WHERE e.process_id IS NOT NULL ORDER BY e.process_id LIMIT 1)
      UNION ALL
      SELECT (SELECT e.process_id FROM ${tables.executions} e WHERE e.process_id > p.id ORDER BY e.process_id LIMIT 1), p.n + 1 FROM p WHERE p.id IS NOT NULL AND p.n <= ${PROCESSES})
    SELECT count(p.id)::int AS all, array_agg(p.id) FILTER (WHERE p.id IS NOT NULL AND EXISTS (
             SELECT 1 FROM ${tables.executions} e WHERE e.process_id = p.id AND e.created_at >= ${from} AND e.created_at < ${to})) AS ids FROM p`);
  return row && row.all <= PROCESSES ? { kind: 'process', ids: row.ids ?? [] } : { kind: 'pages' };
}

/** Spans of `share` of each part of the period; where in its part one begins is spread, and the same each time. */
function slices(
  { from, to }: Period,
  parts: number,
  share: number,
): { from: string[]; to: string[] } {
  if (share >= 1) return { from: [from], to: [to] };
  const [start, width] = [Date.parse(from), (Date.parse(to) - Date.parse(from)) / parts];
  const golden = 0.618_033_988_75;
  const begins = Array.from(
    { length: parts },
    (_, n) => start + (n + (((n + 1) * golden) % 1) * (1 - share)) * width,
  );
  // Microseconds: slices of a second would be off by a tenth in whole milliseconds.
  const iso = (ms: number) =>
    `${new Date(Math.floor(ms)).toISOString().slice(0, -1)}${String(Math.floor((ms % 1) * 1000)).padStart(3, '0')}Z`;
  return { from: begins.map(iso), to: begins.map((begin) => iso(begin + share * width)) };
}

/** OFFSET 0 keeps the planner to one range of the index for each slice and process. */
function bySlices(
  tables: GoodJobTables,
  access: Exclude<Access, { kind: 'pages' }>,
  options: Pick<SourceOptions, 'period' | 'columns' | 'jobClass'>,
  parts: number,
  share: number,
): Sql {
  const { from, to } = slices(options.period, parts, share);
  const ofClass = options.jobClass === null ? empty : sql`AND e.job_class = ${options.jobClass}`;
  const spans = sql`unnest(${from}::timestamptz[], ${to}::timestamptz[]) s(f, t)`;
  const read = (found: Sql) =>
    sql`SELECT ${options.columns} FROM ${tables.executions} e WHERE ${found} AND e.created_at >= s.f AND e.created_at < s.t ${ofClass} OFFSET 0`;
  if (access.kind === 'time')
    return sql`SELECT x.* FROM ${spans} CROSS JOIN LATERAL (${read(sql`true`)}) x`;
  return sql`SELECT x.* FROM ${spans} CROSS JOIN unnest(${access.ids}::uuid[]) p(id) CROSS JOIN LATERAL (${read(sql`e.process_id = p.id`)}) x
    UNION ALL SELECT x.* FROM ${spans} CROSS JOIN LATERAL (${read(sql`e.process_id IS NULL`)}) x`;
}

interface Pages {
  source: Source;
  /** Executions of the period that it holds, about. */
  found: number;
}

/** So many pages of the table, at random, the same ones each time; as many as it takes for the target. */
async function byPages(
  tx: Tx,
  tables: GoodJobTables,
  { period, columns, jobClass, target }: SourceOptions,
): Promise<Pages> {
  const [row] = await tx.query<{ pages: number }>(sql`
    SELECT (pg_relation_size(c.oid) / current_setting('block_size')::int)::float8 AS pages FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${tables.schema.name} AND c.relname = 'good_job_executions'`);
  const all = row?.pages ?? 0;
  const inPeriod = sql`e.created_at >= ${period.from} AND e.created_at < ${period.to}`;
  const sample = (share: number) =>
    share < 1 ? sql`TABLESAMPLE SYSTEM (${share * 100}) REPEATABLE (4711)` : empty;
  await tx.query(sql`SET LOCAL enable_seqscan = on`);
  const shareOf = (pages: number) => Number(Math.min(1, pages / Math.max(all, 1)).toPrecision(4));
  let [pages, found] = [PAGES, target];
  if (all > PAGES) {
    const pilot = shareOf(PILOT_PAGES);
    const [seen] = await tx.query<{ n: number }>(
      sql`SELECT count(*)::int AS n FROM ${tables.executions} e ${sample(pilot)} WHERE ${inPeriod}`,
    );
    const perPage = (seen?.n ?? 0) / PILOT_PAGES;
    pages = Math.min(PAGES, Math.max(PILOT_PAGES, Math.ceil(target / Math.max(perPage, 0.001))));
    found = pages * perPage;
  }
  const share = shareOf(pages);
  return {
    source: {
      rows: sql`SELECT ${columns} FROM ${tables.executions} e ${sample(share)} WHERE ${inPeriod} ${jobClass === null ? empty : sql`AND e.job_class = ${jobClass}`}`,
      share,
    },
    found,
  };
}

/** Where to read the executions of a period: all of them where they are no more than the target, else about so many. */
export async function sourceOf(
  tx: Tx,
  tables: GoodJobTables,
  options: SourceOptions,
): Promise<Source> {
  const { period, buckets, target } = options;
  const access = await accessTo(tx, tables, period);
  if (access.kind === 'pages') return (await byPages(tx, tables, options)).source;
  const count = async (most: number) => {
    const ones = bySlices(tables, access, { period, columns: sql`1 AS one`, jobClass: null }, 1, 1);
    return (
      (
        await tx.query<{ n: number }>(
          sql`SELECT count(*)::int AS n FROM (SELECT 1 FROM (${ones}) e LIMIT ${most}) e`,
        )
      )[0]?.n ?? 0
    );
  };
  if ((await count(target + 1)) <= target)
    return { rows: bySlices(tables, access, options, 1, 1), share: 1 };
  const { source, found } = await byPages(tx, tables, options);
  if (found >= FEW || source.share === 1) return source;
  await tx.query(sql`SET LOCAL enable_seqscan = off`);
  const share = Number(Math.min(1, target / (await count(COUNTED))).toPrecision(4));
  return { rows: bySlices(tables, access, options, buckets, share), share };
}

export function accuracyOf(share: number, looked: number): Accuracy {
  return share >= 1 ? { kind: 'exact', looked } : { kind: 'sample', looked, share };
}

/** What would find executions by time, where nothing does. */
export async function missingIndex(
  tx: Tx,
  tables: GoodJobTables,
  period: Period,
): Promise<string | null> {
  const access = await accessTo(tx, tables, period);
  if (access.kind !== 'pages') return null;
  const table = join(
    [raw(quoteIdentifier(tables.schema.name)), raw(quoteIdentifier('good_job_executions'))],
    '.',
  ).sql;
  return `CREATE INDEX CONCURRENTLY index_good_job_executions_on_created_at ON ${table} (created_at)`;
}
