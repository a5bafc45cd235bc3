import 'server-only';
import sql, { type Sql, empty, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import { ProcessCache } from '../core/process-state';
import type { Tx } from '../db/database';
import { type GoodJobTables, quoteIdentifier } from '../good-job/tables';
import type { Accuracy, Period } from './filters';

/*
 * Selects the executions to scan, all or a sample.
 *
 * GoodJob indexes executions by process and time, not by time alone, so a period is one index range
 * per process. A large period is sampled by random pages of the table, because time slices misjudge
 * bursts. Time slices are used only if such pages would contain hardly any execution of the period.
 */

/** How to find the executions of a period: by an index on time, on process and time, or none. */
type Access = { kind: 'time' } | { kind: 'process'; ids: string[] } | { kind: 'pages' };

interface Source {
  /** A query that returns the requested columns, filtered by class. */
  rows: Sql;
  /** The share of the period's executions in `rows`, from 0 to 1. */
  share: number;
}

/** With more processes, index ranges per process are too many. */
const MAX_PROCESSES = 2_000;
/** Pages to scan for an estimate of the executions per page. */
const PILOT_PAGES = 400;
/** Pages of a sample. */
const MAX_PAGES = 6_000;
/** A page sample with fewer executions of the period is replaced by time slices. */
const MIN_SAMPLE = 1_500;
/** Index entries to count. */
const COUNT_LIMIT = 2_000_000;
const INDEXES_TTL_MS = 60_000;

interface SourceOptions {
  period: Period;
  /** Time slices of a sample. */
  buckets: number;
  /** Executions to scan at most, approximately. */
  target: number;
  /** Columns to select, with the table alias `e`. */
  columns: Sql;
  jobClass: string | null;
}

/** Which indexes exist: on `created_at`, and on `process_id` with `created_at`. */
interface Indexes {
  time: boolean;
  process: boolean;
}

const executionIndexes = new ProcessCache<Indexes>('execution indexes', {
  ttlMs: INDEXES_TTL_MS,
  maxEntries: 20,
});

const indexRow = z.strictObject({ columns: z.array(z.string()) });

async function indexesOf(tx: Tx, tables: GoodJobTables): Promise<Indexes> {
  const { identity } = tables.schema;
  const cached = executionIndexes.peek(identity, '');
  if (cached) return cached;
  const rows = await tx.query(
    indexRow,
    sql`
      SELECT ARRAY(
               SELECT pg_get_indexdef(i.indexrelid, k, true)
                 FROM generate_series(1, i.indnkeyatts) k
             ) AS columns
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ${tables.schema.name}
         AND c.relname = 'good_job_executions'
         AND i.indisvalid
         AND i.indpred IS NULL`,
  );
  const indexes: Indexes = {
    time: rows.some(({ columns }) => columns[0] === 'created_at'),
    process: rows.some(
      ({ columns: [first, second] }) => first === 'process_id' && second === 'created_at',
    ),
  };
  executionIndexes.set(identity, '', indexes);
  return indexes;
}

const processesRow = z.strictObject({
  /** Processes that ever ran an execution, at most MAX_PROCESSES + 1. */
  all: z.number(),
  /** The processes with an execution in the period; null: there are none. */
  ids: z.array(z.string()).nullable(),
});

async function accessTo(tx: Tx, tables: GoodJobTables, { from, to }: Period): Promise<Access> {
  const indexes = await indexesOf(tx, tables);
  if (indexes.time) return { kind: 'time' };
  if (!indexes.process) return { kind: 'pages' };
  // A loose index scan: two probes for each process that ever ran an execution.
  const [row] = await tx.query(
    processesRow,
    sql`
      WITH RECURSIVE p AS (
        (SELECT e.process_id AS id, 1 AS n
           FROM ${tables.executions} e
          WHERE e.process_id IS NOT NULL
          ORDER BY e.process_id
          LIMIT 1)
        UNION ALL
        SELECT (SELECT e.process_id
                  FROM ${tables.executions} e
                 WHERE e.process_id > p.id
                 ORDER BY e.process_id
                 LIMIT 1),
               p.n + 1
          FROM p
         WHERE p.id IS NOT NULL
           AND p.n <= ${MAX_PROCESSES}
      )
      SELECT count(p.id)::int AS all,
             array_agg(p.id) FILTER (
               WHERE p.id IS NOT NULL
                 AND EXISTS (SELECT 1
                               FROM ${tables.executions} e
                              WHERE e.process_id = p.id
                                AND e.created_at >= ${from}
                                AND e.created_at < ${to})
             ) AS ids
        FROM p`,
  );
  if (!row || row.all > MAX_PROCESSES) return { kind: 'pages' };
  return { kind: 'process', ids: row.ids ?? [] };
}

const GOLDEN_RATIO = 0.618_033_988_75;

/**
 * Slices that cover `share` of each part of the period. Multiples of the golden ratio spread their
 * positions evenly but reproducibly.
 */
function timeSlices(
  { from, to }: Period,
  parts: number,
  share: number,
): { from: string[]; to: string[] } {
  if (share >= 1) return { from: [from], to: [to] };
  const startMs = Date.parse(from);
  const partMs = (Date.parse(to) - startMs) / parts;
  const starts = Array.from(
    { length: parts },
    (_, n) => startMs + (n + (((n + 1) * GOLDEN_RATIO) % 1) * (1 - share)) * partMs,
  );
  return {
    from: starts.map(toMicroseconds),
    to: starts.map((start) => toMicroseconds(start + share * partMs)),
  };
}

/** ISO 8601 with microseconds: milliseconds would change the length of short slices. */
function toMicroseconds(ms: number): string {
  const isoMs = new Date(Math.floor(ms)).toISOString().slice(0, -1);
  const microseconds = String(Math.floor((ms % 1) * 1000)).padStart(3, '0');
  return `${isoMs}${microseconds}Z`;
}

/** OFFSET 0 makes the planner use one index range for each slice and process. */
function bySlices(
  tables: GoodJobTables,
  access: Exclude<Access, { kind: 'pages' }>,
  options: Pick<SourceOptions, 'period' | 'columns' | 'jobClass'>,
  parts: number,
  share: number,
): Sql {
  const { from, to } = timeSlices(options.period, parts, share);
  const isOfClass = options.jobClass === null ? empty : sql`AND e.job_class = ${options.jobClass}`;
  const slices = sql`unnest(${from}::timestamptz[], ${to}::timestamptz[]) s(f, t)`;
  const select = (condition: Sql) => sql`
    SELECT ${options.columns}
      FROM ${tables.executions} e
     WHERE ${condition}
       AND e.created_at >= s.f
       AND e.created_at < s.t
           ${isOfClass}
    OFFSET 0`;
  if (access.kind === 'time')
    return sql`SELECT x.* FROM ${slices} CROSS JOIN LATERAL (${select(sql`true`)}) x`;
  return sql`
    SELECT x.*
      FROM ${slices}
     CROSS JOIN unnest(${access.ids}::uuid[]) p(id)
     CROSS JOIN LATERAL (${select(sql`e.process_id = p.id`)}) x
    UNION ALL
    SELECT x.*
      FROM ${slices}
     CROSS JOIN LATERAL (${select(sql`e.process_id IS NULL`)}) x`;
}

interface PageSample {
  source: Source;
  /** Estimated executions of the period in the sample. */
  estimate: number;
}

const tableSizeRow = z.strictObject({ pages: z.number() });
const countRow = z.strictObject({ n: z.number() });

/**
 * Samples as many random pages as the target needs; REPEATABLE selects the same pages each time.
 */
async function byPages(
  tx: Tx,
  tables: GoodJobTables,
  { period, columns, jobClass, target }: SourceOptions,
): Promise<PageSample> {
  const [row] = await tx.query(
    tableSizeRow,
    sql`
      SELECT (pg_relation_size(c.oid) / current_setting('block_size')::int)::float8 AS pages
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ${tables.schema.name}
         AND c.relname = 'good_job_executions'`,
  );
  const tablePages = row?.pages ?? 0;
  const inPeriod = sql`e.created_at >= ${period.from} AND e.created_at < ${period.to}`;
  const sample = (share: number) =>
    share < 1 ? sql`TABLESAMPLE SYSTEM (${share * 100}) REPEATABLE (4711)` : empty;
  await tx.execute(sql`SET LOCAL enable_seqscan = on`);
  const shareOf = (pages: number) =>
    Number(Math.min(1, pages / Math.max(tablePages, 1)).toPrecision(4));
  let pages = MAX_PAGES;
  let estimate = target;
  if (tablePages > MAX_PAGES) {
    const [pilot] = await tx.query(
      countRow,
      sql`
        SELECT count(*)::int AS n
          FROM ${tables.executions} e ${sample(shareOf(PILOT_PAGES))}
         WHERE ${inPeriod}`,
    );
    const perPage = (pilot?.n ?? 0) / PILOT_PAGES;
    const neededPages = Math.ceil(target / Math.max(perPage, 0.001));
    pages = Math.min(MAX_PAGES, Math.max(PILOT_PAGES, neededPages));
    estimate = pages * perPage;
  }
  const share = shareOf(pages);
  const isOfClass = jobClass === null ? empty : sql`AND e.job_class = ${jobClass}`;
  const rows = sql`
    SELECT ${columns}
      FROM ${tables.executions} e ${sample(share)}
     WHERE ${inPeriod} ${isOfClass}`;
  return { source: { rows, share }, estimate };
}

/**
 * Returns a query for all executions of a period, or for a sample if there are more than `target`.
 */
export async function selectExecutions(
  tx: Tx,
  tables: GoodJobTables,
  options: SourceOptions,
): Promise<Source> {
  const { period, buckets, target } = options;
  const access = await accessTo(tx, tables, period);
  if (access.kind === 'pages') return (await byPages(tx, tables, options)).source;
  const countUpTo = async (limit: number) => {
    const ones = bySlices(tables, access, { period, columns: sql`1 AS one`, jobClass: null }, 1, 1);
    const [row] = await tx.query(
      countRow,
      sql`
        SELECT count(*)::int AS n
          FROM (SELECT 1 FROM (${ones}) e LIMIT ${limit}) e`,
    );
    return row?.n ?? 0;
  };
  if ((await countUpTo(target + 1)) <= target)
    return { rows: bySlices(tables, access, options, 1, 1), share: 1 };
  const { source, estimate } = await byPages(tx, tables, options);
  if (estimate >= MIN_SAMPLE || source.share === 1) return source;
  await tx.execute(sql`SET LOCAL enable_seqscan = off`);
  const share = Number(Math.min(1, target / (await countUpTo(COUNT_LIMIT))).toPrecision(4));
  return { rows: bySlices(tables, access, options, buckets, share), share };
}

/** Returns the accuracy of a scan of `scanned` executions, a `share` of all. */
export function accuracyOf(share: number, scanned: number): Accuracy {
  return share >= 1 ? { kind: 'exact', scanned } : { kind: 'sample', scanned, share };
}

/** Returns the SQL statement for an index on `created_at`; null: a suitable index exists. */
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
