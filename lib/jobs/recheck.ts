import sql, { type Sql, join } from 'sql-template-tag';
import type { Tx } from '../db/types';
import { type Json, compactJson, object, parseJson, scalar } from '../good-job/json';
import type { GoodJob } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import { allOf } from './conditions';
import type { JobFilter } from './filters';
import { plainCondition, termCondition, wildcard } from './term-conditions';
import type { Term, UnderstoodTerm } from './terms';

/*
 * What is hidden of a job must not be found either: who searches for the beginnings of a secret would read it letter by
 * letter. So a term that looks at texts finds candidates in SQL, and each of them is looked at again, the same condition
 * on the row as it is shown. No secret is matched, and none excludes its job either. It is the same for every viewer: to
 * reveal shows a value, and does not search by it.
 */

/** Stands where something is hidden: in no query, and printed as it is by jsonb in any encoding. */
const MARKER = '\u007F';
/** Rows looked at again at a time. */
const CHUNK = 200;
/** Payloads larger than this, compressed, are not searched: bytes. */
const LARGEST = 1_000_000;

/** Whether the term looks at texts of which something may be hidden. Whole names of one's own are not looked into. */
export function isChecked(term: Term): term is UnderstoodTerm {
  if (redaction().off) return false;
  if (term.kind === 'text' || term.kind === 'argument') return true;
  return (
    term.kind === 'match' &&
    (term.field === 'error' ||
      (term.field !== 'state' && term.values.some((value) => wildcard(value) !== null)))
  );
}

/** What a job is looked at again by. */
interface Stored {
  id: string;
  doubtful: boolean;
  fits: boolean;
  large: boolean;
  job_class: string | null;
  queue_name: string | null;
  cron_key: string | null;
  error: string | null;
  labels: string[] | null;
  arguments: string | null;
}

/** Jobs that are found in two steps: by `condition`, and of those by `keep`. */
export interface Found {
  /** On the alias `j`: holds for each of the jobs, and for some that `keep` leaves out. */
  readonly condition: Sql;
  /**
   * `condition` without what is looked at again. What bounds a search bounds these jobs: how many there are of them tells
   * nothing of what is hidden, and how many candidates there are would.
   */
  readonly unchecked: Sql;
  /** False: `condition` is all there is. */
  readonly isDoubtful: boolean;
  /** Which of those on which the condition holds are among the jobs. */
  keep(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** The jobs of a filter. */
export class Candidates implements Found {
  readonly condition: Sql;
  readonly unchecked: Sql;
  private readonly checked: UnderstoodTerm[];

  constructor(
    private readonly gj: GoodJob,
    filter: Parameters<typeof allOf>[1],
  ) {
    this.checked = filter.notUnderstood?.length ? [] : filter.terms.filter(isChecked);
    this.condition = allOf(gj, filter, (term) =>
      term.negated && isChecked(term) ? sql`true` : termCondition(gj, term),
    );
    this.unchecked = allOf(gj, filter, (term) =>
      isChecked(term) ? sql`true` : termCondition(gj, term),
    );
  }

  get isDoubtful(): boolean {
    return this.checked.length > 0;
  }

  /** By what is shown of them. */
  async keep(tx: Tx, ids: readonly string[]): Promise<Set<string>> {
    if (!this.isDoubtful) return new Set(ids);
    const kept = new Set<string>();
    for (let from = 0; from < ids.length; from += CHUNK)
      for (const { id } of await this.keepSome(tx, ids.slice(from, from + CHUNK), sql`j.id`))
        kept.add(id);
    return kept;
  }

  /** The first `wanted` of them that are kept, in their order, with these columns of `j`, among which is `id`; no more are looked at than that takes. */
  async first<Row extends { id: string }>(
    tx: Tx,
    ids: readonly string[],
    wanted: number,
    columns: Sql,
  ): Promise<Row[]> {
    const kept: Row[] = [];
    for (let from = 0; from < ids.length && kept.length < wanted; from += CHUNK) {
      const some = ids.slice(from, from + CHUNK);
      const rows = new Map(
        (await this.keepSome<Row>(tx, some, columns)).map((row) => [row.id, row]),
      );
      kept.push(...some.flatMap((id) => rows.get(id) ?? []));
    }
    return kept.slice(0, wanted);
  }

  private async keepSome<Row extends { id: string }>(
    tx: Tx,
    ids: readonly string[],
    columns: Sql,
  ): Promise<Row[]> {
    const { gj, checked } = this;
    const all = join(
      checked.map((term) => termCondition(gj, term)),
      ' AND ',
    );
    // A term that is not in the row at all is not in what is shown of it.
    const doubtful = checked.some(({ negated }) => !negated)
      ? sql`true`
      : sql`coalesce(${join(
          checked.map((term) => sql`(${plainCondition(gj, term)})`),
          ' OR ',
        )}, false)`;
    // One column, so that nothing of it goes along with the row by mistake.
    const read = await tx.query<{ id: string; stored: string }>(sql`
      SELECT ${columns}, json_build_object('id', j.id, 'doubtful', j.doubtful, 'fits', coalesce((${all}), false), 'large', j.large, 'job_class', j.job_class, 'queue_name', j.queue_name,
               'cron_key', j.cron_key, 'error', j.error, 'labels', j.labels, 'arguments', CASE WHEN j.doubtful AND NOT j.large THEN (j.serialized_params -> 'arguments')::text END)::text AS stored
        FROM (SELECT j.*, ${doubtful} AS doubtful, coalesce(pg_column_size(j.serialized_params), 0) > ${LARGEST} AS large
                FROM ${gj.jobs} j WHERE j.id = ANY(${[...ids]}::uuid[]) OFFSET 0) j`);
    const kept = new Set<string>();
    const changed: Json[] = [];
    for (const { stored } of read) {
      const row = JSON.parse(stored) as Stored;
      const shown = row.doubtful ? shownOf(row) : null;
      if (shown) changed.push(shown);
      else if (row.fits) kept.add(row.id);
    }
    const rows = () =>
      read.filter(({ id }) => kept.has(id)).map(({ stored: _, ...row }) => row as Row);
    if (changed.length === 0) return rows();
    const again = await tx.query<{ id: string }>(sql`
      SELECT j.id FROM json_to_recordset(${compactJson({ kind: 'array', items: changed })}::json)
        AS j(id uuid, job_class text, queue_name text, cron_key text, error text, labels text[], serialized_params jsonb) WHERE ${all}`);
    for (const { id } of again) kept.add(id);
    return rows();
  }
}

/** The row with what is hidden of it taken out; null: nothing is. */
function shownOf(row: Stored): Json | null {
  const rules = redaction();
  const secrets = new SecretRegistry();
  const stored = row.arguments === null ? null : parseJson(row.arguments);
  const args =
    stored &&
    rules.redactJson(stored, { of: 'arguments', jobClass: row.job_class, secrets, marker: MARKER });
  // Postgres takes no half of a surrogate pair.
  const wellFormed = (given: string) => Buffer.from(given).toString();
  const text = <T extends string | null>(given: T) =>
    given === null ? given : wellFormed(rules.redactText(given, secrets, MARKER));
  // Of arguments too large to be looked into nobody knows what they hide in the error.
  const error =
    row.error === null
      ? null
      : row.large && row.error
        ? MARKER
        : wellFormed(rules.redactText(row.error, secrets, MARKER));
  const plain = {
    job_class: row.job_class && rules.redactText(row.job_class, undefined, MARKER),
    queue_name: text(row.queue_name),
    cron_key: text(row.cron_key),
    error,
  };
  const labels = row.labels?.map(text) ?? null;
  if (!row.large && !secrets.hidden) return null;
  return object([
    ['id', scalar(row.id)],
    ...Object.entries(plain).map(([name, value]): [string, Json] => [name, scalar(value)]),
    [
      'labels',
      labels ? { kind: 'array', items: labels.map((label) => scalar(label)) } : scalar(null),
    ],
    ['serialized_params', args ? object([['arguments', args]]) : scalar(null)],
  ]);
}

export function candidates(
  gj: GoodJob,
  filter: Pick<JobFilter, 'state' | 'terms'> & Partial<Pick<JobFilter, 'notUnderstood'>>,
): Candidates {
  return new Candidates(gj, filter);
}
