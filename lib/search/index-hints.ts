import sql, { type Sql, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import { ProcessCache } from '../core/process-state';
import type { Tx } from '../db/database';
import { listedName } from '../db/text-limit';
import { type GoodJobTables, hasIndex } from '../good-job/tables';
import type { JobState } from '../good-job/types';
import {
  idCondition,
  idPrefixCondition,
  unescapeValue,
  termCondition,
  timeCondition,
  likePattern,
} from './conditions';
import type { IdsTerm, MatchTerm, Term, TimeTerm } from './terms';

/** Maximum number of distinct values of a column that `looseScan` reads. */
export const MAX_VALUES = 1_000;

/** Jobs in a sample. A GIN index cannot be scanned in order, so the newest jobs are sampled. */
const SAMPLE_JOBS = 3_000;

/** Maximum number of labels of one job in a sample. */
const MAX_LABELS_PER_JOB = 100;

/** The labels of a job are not sampled if their stored array is larger. */
const MAX_ARRAY_BYTES = 8_192;

/** Null for a value that is too long to be listed. */
const distinctValueRow = z.strictObject({ value: z.string().nullable() });

/**
 * Reads distinct values of an indexed column by a loose index scan, one index probe for each value.
 * The read must be `byIndexOnly`. `more` is true if values are missing; `tooLong` is the number of
 * values too long to be listed.
 */
export async function looseScan(
  tx: Tx,
  tables: GoodJobTables,
  column: string,
  where: Sql,
  from: string,
  limit: number,
): Promise<{ values: { value: string }[]; more: boolean; tooLong: number }> {
  const value = raw(`j.${column}`);
  const rows = await tx.query(
    distinctValueRow,
    sql`
      WITH RECURSIVE listed AS (
        (SELECT ${value} AS value
           FROM ${tables.jobs} j
          WHERE ${value} >= ${from} AND ${where}
          ORDER BY ${value}
          LIMIT 1)
        UNION ALL
        SELECT (SELECT ${value}
                  FROM ${tables.jobs} j
                 WHERE ${value} > listed.value AND ${where}
                 ORDER BY ${value}
                 LIMIT 1)
          FROM listed
         WHERE listed.value IS NOT NULL)
      SELECT ${listedName(sql`value`)} AS value
        FROM listed
       WHERE value <> ''
       LIMIT ${limit}`,
  );
  const values = rows.flatMap((row) => (row.value === null ? [] : [{ value: row.value }]));
  const tooLong = rows.length - values.length;
  return { values, more: rows.length === limit || tooLong > 0, tooLong };
}

/**
 * Returns the most frequent values of the newest jobs, by index_good_jobs_on_created_at. Without
 * that index it reads the jobs that finished last.
 */
export async function sampleValues(
  tx: Tx,
  tables: GoodJobTables,
  values: Sql,
): Promise<ValueWithJobs[]> {
  const lacksCreatedAtIndex = !hasIndex(tables, 'add_index_good_jobs_created_at');
  const newest = lacksCreatedAtIndex
    ? sql`WHERE j.finished_at IS NOT NULL ORDER BY j.finished_at DESC`
    : sql`ORDER BY j.created_at DESC`;
  return tx.query(
    valueWithJobsRow,
    sql`
      SELECT value, (array_agg(j.id))[1:${JOBS_PER_VALUE}::int] AS ids
        FROM (SELECT j.id,
                     CASE WHEN pg_column_size(${values}) <= ${MAX_ARRAY_BYTES}
                          THEN (${values})[1:${MAX_LABELS_PER_JOB}::int] END AS members
                FROM ${tables.jobs} j ${newest}
               LIMIT ${SAMPLE_JOBS}) j,
             unnest(j.members) value
       WHERE value <> '' AND ${listedName(sql`value`)} IS NOT NULL
       GROUP BY value
       ORDER BY count(*) DESC, value
       LIMIT ${MAX_VALUES}`,
  );
}

/**
 * Jobs read for each value to learn whether redaction hides it: one may hide a value that the other
 * shows.
 */
export const JOBS_PER_VALUE = 2;

/** A value and the ids of some jobs that have it. */
export const valueWithJobsRow = z.strictObject({ value: z.string(), ids: z.array(z.string()) });
export type ValueWithJobs = z.infer<typeof valueWithJobsRow>;

/** A filter term that one index can answer, so its jobs can be read in any order. */
export interface IndexTerm {
  /** Cache key: equal for equal terms. */
  key: string;
  /** SQL condition on the alias `j` that the index answers completely. */
  condition: Sql;
  /** Counting stops here: a term with more rows is not selective. */
  limit: number;
  /** A subquery that is cheaper to count than `condition`. */
  countSource?: Sql;
}

/**
 * B-tree entries are cheap to count; GIN matches are not, because each row is rechecked in the
 * heap.
 */
const MAX_COUNTED_ENTRIES = 100_000;
const MAX_COUNTED_ROWS = 5_000;

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];

/**
 * Returns the terms that an index of GoodJob's own schema can answer, except the index of `column`,
 * by which the list is sorted.
 */
export function indexTerms(
  tables: GoodJobTables,
  column: string,
  states: readonly JobState[],
  terms: Term[],
): IndexTerm[] {
  const result = terms.flatMap((term) => indexTermOf(tables, column, term) ?? []);
  const areAll = (...allowed: JobState[]) => states.every((state) => allowed.includes(state));
  if (areAll(...UNFINISHED) && column !== 'scheduled' && column !== 'priority')
    result.push({
      key: 'unfinished',
      condition: sql`j.finished_at IS NULL`,
      limit: MAX_COUNTED_ENTRIES,
    });
  if (
    areAll('discarded') &&
    column !== 'finished' &&
    hasIndex(tables, 'add_index_good_jobs_discarded')
  )
    result.push({
      key: 'discarded',
      condition: sql`j.finished_at IS NOT NULL AND j.error IS NOT NULL`,
      limit: MAX_COUNTED_ENTRIES,
    });
  return result;
}

function indexTermOf(tables: GoodJobTables, column: string, term: Term): IndexTerm | null {
  if (term.negated) return null;
  if (term.kind === 'ids') return idsIndexTerm(tables, term);
  if (term.kind === 'failure')
    return {
      key: JSON.stringify(['failure', term.source]),
      condition: termCondition(tables, term),
      limit: MAX_COUNTED_ENTRIES,
    };
  if (term.kind === 'time') return term.field === column ? null : timeIndexTerm(tables, term);
  return term.kind === 'match' ? matchIndexTerm(tables, term) : null;
}

function timeIndexTerm(tables: GoodJobTables, { field, bounds }: TimeTerm): IndexTerm | null {
  const isIndexed =
    field === 'finished' ||
    (field === 'created' && hasIndex(tables, 'add_index_good_jobs_created_at'));
  if (!isIndexed) return null;
  return {
    key: JSON.stringify([field, bounds]),
    condition: join(
      bounds.map((bound) => timeCondition(field, bound)),
      ' AND ',
    ),
    limit: MAX_COUNTED_ENTRIES,
  };
}

function matchIndexTerm(tables: GoodJobTables, term: MatchTerm): IndexTerm | null {
  if (term.values.some((value) => likePattern(value) !== null)) return null;
  const values = term.values.map(unescapeValue);
  const key = JSON.stringify([term.field, values]);
  const indexTerm = (condition: Sql, limit = MAX_COUNTED_ENTRIES): IndexTerm => ({
    key,
    condition,
    limit,
  });
  if (term.field === 'class' && hasIndex(tables, 'add_index_good_jobs_job_class'))
    return indexTerm(sql`j.job_class = ANY(${values}::text[])`);
  if (term.field === 'queue' && hasIndex(tables, 'add_index_good_jobs_queue_name'))
    return indexTerm(sql`j.queue_name = ANY(${values}::text[])`);
  if (term.field === 'cron') return indexTerm(sql`j.cron_key = ANY(${values}::text[])`);
  return term.field === 'label'
    ? indexTerm(sql`j.labels && ${values}::text[]`, MAX_COUNTED_ROWS)
    : null;
}

/** `process` uses a UNION, because the planner uses neither index for an OR over two tables. */
function idsIndexTerm(tables: GoodJobTables, { field, values }: IdsTerm): IndexTerm {
  const key = JSON.stringify([field, values]);
  if (field !== 'process')
    return {
      key,
      condition: sql`(${join(
        values.map((digits) => idCondition(tables, field, digits)),
        ' OR ',
      )})`,
      limit: MAX_COUNTED_ENTRIES,
    };
  const lockedJobs = sql`
    SELECT l.id
      FROM ${tables.jobs} l
     WHERE ${join(
       values.map((digits) => idPrefixCondition(sql`l.locked_by_id`, digits)),
       ' OR ',
     )}`;
  const executedJobs = sql`
    SELECT e.active_job_id
      FROM ${tables.executions} e
     WHERE ${join(
       values.map((digits) => idPrefixCondition(sql`e.process_id`, digits)),
       ' OR ',
     )}`;
  return {
    key,
    condition: sql`j.id IN (${lockedJobs} UNION ${executedJobs})`,
    limit: MAX_COUNTED_ROWS,
    countSource: sql`(${lockedJobs}) UNION ALL (${executedJobs})`,
  };
}

/** Recent row counts of terms. They decide how a list is read, never which rows it has. */
const countCache = new ProcessCache<number>('index term counts', {
  ttlMs: 15_000,
  maxEntries: 1_000,
});

/** The most selective term of a filter. */
export interface SelectedTerm {
  term: IndexTerm;
  /** Matching jobs, at most the term's limit. */
  count: number;
}

function mostSelective(
  terms: IndexTerm[],
  countOf: (term: IndexTerm) => number | undefined,
): SelectedTerm | null {
  const selective = terms.flatMap((term): SelectedTerm[] => {
    const count = countOf(term);
    return count === undefined || count > term.limit ? [] : [{ term, count }];
  });
  return selective.sort((a, b) => a.count - b.count)[0] ?? null;
}

/**
 * Returns the most selective term by the cached counts. `all` is true if every term has a cached
 * count.
 */
export function cachedSelection(
  tables: GoodJobTables,
  terms: IndexTerm[],
): { selected: SelectedTerm | null; all: boolean } {
  const countOf = ({ key }: IndexTerm) => countCache.peek(tables.schema.identity, key);
  return {
    selected: mostSelective(terms, countOf),
    all: terms.every((term) => countOf(term) !== undefined),
  };
}

const farKey = (list: string) => `far ${list}`;

/**
 * Whether a page of this list was recently faster to read by a term's index than by the list's
 * order.
 */
export const isFasterByTerm = (tables: GoodJobTables, list: string): boolean =>
  countCache.peek(tables.schema.identity, farKey(list)) !== undefined;

/** Makes `isFasterByTerm` true for this list until the cache entry expires. */
export const markFasterByTerm = (tables: GoodJobTables, list: string): void =>
  countCache.set(tables.schema.identity, farKey(list), 0);

/** Caches that these terms match more rows than their limit, because counting them timed out. */
export function markUnselective(tables: GoodJobTables, terms: IndexTerm[]): void {
  for (const { key, limit } of terms) countCache.set(tables.schema.identity, key, limit + 1);
}

const termCountsRow = z.strictObject({ counts: z.string() });
const termCounts = z.array(z.number());

/**
 * Counts the matching jobs of each term up to its limit, in one statement. Returns the most
 * selective term, or null when every term exceeds its limit.
 */
export async function selectTerm(
  tx: Tx,
  tables: GoodJobTables,
  terms: IndexTerm[],
): Promise<SelectedTerm | null> {
  if (terms.length === 0) return null;
  const columns = terms.map(({ condition, countSource, limit }) => {
    const source = countSource ?? sql`SELECT 1 FROM ${tables.jobs} j WHERE ${condition}`;
    return sql`(SELECT count(*)::int FROM (${source} LIMIT ${limit + 1}) counted)`;
  });
  const [row] = await tx.query(
    termCountsRow,
    sql`SELECT array_to_json(ARRAY[${join(columns)}])::text AS counts`,
  );
  const counts = termCounts.parse(JSON.parse(row?.counts ?? '[]'));
  terms.forEach(({ key }, n) => countCache.set(tables.schema.identity, key, counts[n] ?? 0));
  return mostSelective(terms, (term) => counts[terms.indexOf(term)]);
}
