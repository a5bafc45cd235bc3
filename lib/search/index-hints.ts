import sql, { type Sql, join } from 'sql-template-tag';
import { ProcessCache } from '../core/process-cache';
import type { Tx } from '../db/database';
import type { JobState } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { idCondition, inIds, literal, termCondition, timeCondition, wildcard } from './conditions';
import type { IdsTerm, Term } from './terms';

/** A part of a filter that an index answers by itself: the jobs on which it holds can be read without any order. */
export interface IndexTerm {
  /** The same for the same question. */
  key: string;
  /** On the alias `j`; the index needs no more than this. */
  condition: Sql;
  /** Rows to count before it is called unselective. */
  limit: number;
  /** What to count when that is less than the condition asks for. */
  counted?: Sql;
}

/** An index entry is cheap to count, a row that GIN has found is not. */
const COUNTED = 100_000;
const COUNTED_ROWS = 5_000;

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];

/** The terms that an index of GoodJob's own schema answers, other than the list's order. */
export function indexTerms(
  tables: GoodJobTables,
  column: string,
  states: readonly JobState[],
  terms: Term[],
): IndexTerm[] {
  const has = (migration: string) =>
    !tables.schema.missingMigrations.some((missing) => missing.migration === migration);
  const found = terms.flatMap((term): IndexTerm[] => {
    if (term.negated) return [];
    if (term.kind === 'ids') return [byIds(tables, term)];
    if (term.kind === 'failure')
      return [
        {
          key: JSON.stringify(['failure', term.source]),
          condition: termCondition(tables, term),
          limit: COUNTED,
        },
      ];
    if (term.kind === 'time' && term.field !== column) {
      const isServed =
        term.field === 'finished' ||
        (term.field === 'created' && has('add_index_good_jobs_created_at'));
      return isServed
        ? [
            {
              key: JSON.stringify([term.field, term.bounds]),
              condition: join(
                term.bounds.map((bound) => timeCondition(term.field, bound)),
                ' AND ',
              ),
              limit: COUNTED,
            },
          ]
        : [];
    }
    if (term.kind !== 'match' || term.values.some((value) => wildcard(value) !== null)) return [];
    const values = term.values.map(literal);
    const equal = (one: Sql, limit = COUNTED): IndexTerm[] => [
      { key: JSON.stringify([term.field, values]), condition: one, limit },
    ];
    if (term.field === 'class' && has('add_index_good_jobs_job_class'))
      return equal(sql`j.job_class = ANY(${values}::text[])`);
    if (term.field === 'queue' && has('add_index_good_jobs_queue_name'))
      return equal(sql`j.queue_name = ANY(${values}::text[])`);
    if (term.field === 'cron') return equal(sql`j.cron_key = ANY(${values}::text[])`);
    return term.field === 'label' ? equal(sql`j.labels && ${values}::text[]`, COUNTED_ROWS) : [];
  });
  const all = (...some: JobState[]) => states.every((state) => some.includes(state));
  if (all(...UNFINISHED) && column !== 'scheduled' && column !== 'priority')
    found.push({ key: 'unfinished', condition: sql`j.finished_at IS NULL`, limit: COUNTED });
  if (all('discarded') && column !== 'finished' && has('add_index_good_jobs_discarded'))
    found.push({
      key: 'discarded',
      condition: sql`j.finished_at IS NOT NULL AND j.error IS NOT NULL`,
      limit: COUNTED,
    });
  return found;
}

/** OR over two tables keeps the planner from both indexes: those of the process are asked for one by one. */
function byIds(tables: GoodJobTables, { field, values }: IdsTerm): IndexTerm {
  const key = JSON.stringify([field, values]);
  if (field !== 'process')
    return {
      key,
      condition: sql`(${join(
        values.map((digits) => idCondition(tables, field, digits)),
        ' OR ',
      )})`,
      limit: COUNTED,
    };
  const held = sql`SELECT l.id FROM ${tables.jobs} l WHERE ${join(
    values.map((digits) => inIds(sql`l.locked_by_id`, digits)),
    ' OR ',
  )}`;
  const run = sql`SELECT e.active_job_id FROM ${tables.executions} e WHERE ${join(
    values.map((digits) => inIds(sql`e.process_id`, digits)),
    ' OR ',
  )}`;
  return {
    key,
    condition: sql`j.id IN (${held} UNION ${run})`,
    limit: COUNTED_ROWS,
    counted: sql`(${held}) UNION ALL (${run})`,
  };
}

/** What the terms were counted to last: it decides on the way to read alone, never on what is read. */
const counts = new ProcessCache<number>('index term counts', { ttlMs: 15_000, maxEntries: 1_000 });

export interface Selected {
  term: IndexTerm;
  /** Jobs on which it holds; more than the term's limit: nobody knows how many. */
  count: number;
}

function smallest(
  terms: IndexTerm[],
  countOf: (term: IndexTerm) => number | undefined,
): Selected | null {
  const known = terms.flatMap((term) =>
    ((count) => (count === undefined || count > term.limit ? [] : [{ term, count }]))(
      countOf(term),
    ),
  );
  return known.sort((a, b) => a.count - b.count)[0] ?? null;
}

/** The most selective term as far as it was counted in the last seconds. `all`: every term was. */
export function knownSelected(
  tables: GoodJobTables,
  terms: IndexTerm[],
): { selected: Selected | null; all: boolean } {
  const countOf = ({ key }: IndexTerm) => counts.peek(tables.schema.identity, key);
  return {
    selected: smallest(terms, countOf),
    all: terms.every((term) => countOf(term) !== undefined),
  };
}

/** Lists whose page lay so far from their beginning that a term's index had it sooner: for some seconds it is asked first. */
const farKey = (list: string) => `far ${list}`;
export const isFar = (tables: GoodJobTables, list: string): boolean =>
  counts.peek(tables.schema.identity, farKey(list)) !== undefined;
export const rememberFar = (tables: GoodJobTables, list: string): void =>
  counts.set(tables.schema.identity, farKey(list), 0);

/** They were too many to count in time. */
export function rememberUnselective(tables: GoodJobTables, terms: IndexTerm[]): void {
  for (const { key, limit } of terms) counts.set(tables.schema.identity, key, limit + 1);
}

/** Counts the terms, each up to its limit, in one statement; the most selective one, or null when none is. */
export async function select(
  tx: Tx,
  tables: GoodJobTables,
  terms: IndexTerm[],
): Promise<Selected | null> {
  if (terms.length === 0) return null;
  const columns = terms.map(
    ({ condition, counted: rows, limit }) =>
      sql`(SELECT count(*)::int FROM (${rows ?? sql`SELECT 1 FROM ${tables.jobs} j WHERE ${condition}`} LIMIT ${limit + 1}) counted)`,
  );
  const [row] = await tx.query<{ counts: string }>(
    sql`SELECT array_to_json(ARRAY[${join(columns)}])::text AS counts`,
  );
  const counted = JSON.parse(row?.counts ?? '[]') as number[];
  terms.forEach(({ key }, n) => counts.set(tables.schema.identity, key, counted[n] ?? 0));
  return smallest(terms, (term) => counted[terms.indexOf(term)]);
}
