import sql, { type Sql, empty, join } from 'sql-template-tag';
import { type Json, object, scalar } from '../core/json';
import { compactJson } from '../core/json-text';
import { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import { MAX_FULL_TEXT_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import {
  ARGUMENTS_TEXT,
  allOf,
  plainCondition,
  termCondition,
  wildcard,
} from '../search/conditions';
import type { Term, UnderstoodTerm } from '../search/terms';
import type { JobFilter } from './filters';
import { arrayBytes, payloadBytes, searchedBytes } from './rows';
import { type RedactedTexts, type StoredTexts, redactTexts, storedTextColumns } from './texts';

/*
 * A search must not find what redaction hides: whoever searches for the beginnings of a secret would read it letter by
 * letter. A term that looks into texts therefore finds candidates in SQL, and each candidate is matched again on its
 * redacted row, for every viewer alike. No secret is matched, and none excludes its job.
 *
 * Jobs with more than MAX_TEXT_BYTES of a text are no candidates of SQL: all of them that satisfy the other terms are
 * read within the budget of the request, or counted as not searched. Their number and order depend on no hidden value.
 */

/** Stands where something is hidden: in no query, and printed as it is by jsonb in any encoding. */
const MARKER = '\u007F';
/** What a large job costs that turned out not to fit: Postgres has printed it to measure it. Bytes. */
const UNREAD_CHARGE = 200_000;
/** Bytes of the jobs of one answer that are searched, without the first kilobyte of each. */
const SEARCHED_BYTES = 400_000;
/** Candidates that one statement reads: rows and bytes. */
const CHUNK_ROWS = 200;
const CHUNK_BYTES = 1_000_000;

/** Whether the term looks into texts of which something may be hidden. Whole names are compared as they are. */
function isChecked(term: Term): term is UnderstoodTerm {
  if (redaction().off) return false;
  if (term.kind === 'text' || term.kind === 'argument') return true;
  return (
    term.kind === 'match' &&
    (term.field === 'error' ||
      (term.field !== 'state' && term.values.some((value) => wildcard(value) !== null)))
  );
}

/**
 * What one request may spend on searching: bytes of ordinary jobs and bytes of large jobs. It has no clock: how long a
 * recheck takes depends on the candidates, and where a search ends must not.
 */
export class SearchBudget {
  /** Bytes of the jobs of a window, without their first kilobyte each. */
  remainingBytes: number;
  private remainingLargeBytes: number;
  private remainingLargeJobs = 8;
  /** Counts nothing; for its turns of the event loop. */
  readonly texts = new TextBudget({ maxBytes: Infinity, maxMs: Infinity });

  constructor({ bytes = SEARCHED_BYTES, largeBytes = 1_200_000 } = {}) {
    this.remainingBytes = bytes;
    this.remainingLargeBytes = largeBytes;
  }

  /** Bytes that the next large job may have; 0: none is read any more. */
  get largeBytes(): number {
    return this.remainingLargeJobs > 0 ? this.remainingLargeBytes : 0;
  }

  spendOnLarge(bytes: number): void {
    this.remainingLargeJobs -= 1;
    this.remainingLargeBytes -= bytes;
  }
}

/** A row of a scan: a candidate (`fits`), a large job, or the place where the scan ended. */
export interface ScannedJob {
  id: string;
  /** Its number among the rows of the source, from 1. */
  n: number;
  fits: boolean;
  large: boolean;
  bytes: number;
  /** Bytes of the rows up to this one. */
  total: number;
  /** The bytes of the scan are used up with this row. */
  exhausted: boolean;
}

interface ScanOptions {
  /** `n` of the source's last row, which is returned whether or not it is a candidate. */
  lastN?: number;
  /** Another row that is returned: begins with OR. */
  last?: Sql;
  limit?: number;
  maxBytes?: number;
  /** Holds for each candidate besides the filter; large jobs are not judged by it. */
  also?: Sql;
}

/** A scan that ends in the database at the row at which its bytes are used up: no row behind it is evaluated. */
interface EndedScanOptions extends ScanOptions {
  maxBytes: number;
}

interface Visible<Row> {
  rows: Row[];
  /** Large jobs that were not searched, up to the last row wanted. */
  unsearched: number;
}

/** The jobs of a filter: by SQL, and where a term looks into texts by the redacted rows of its candidates. */
export class RedactedMatch {
  /** On the alias `j`: holds for each of the jobs that is not large, and for some that are left out. */
  readonly sql: Sql;
  /** `sql` without the terms that look into texts: what bounds a search bounds these jobs. */
  readonly baseSql: Sql;

  private constructor(
    private readonly tables: GoodJobTables,
    private readonly checked: readonly UnderstoodTerm[],
    conditions: { sql: Sql; baseSql: Sql },
  ) {
    this.sql = conditions.sql;
    this.baseSql = conditions.baseSql;
  }

  static of(tables: GoodJobTables, filter: Parameters<typeof allOf>[1]): RedactedMatch {
    const checked = filter.notUnderstood?.length ? [] : filter.terms.filter(isChecked);
    return new RedactedMatch(tables, checked, {
      sql: allOf(tables, filter, (term) =>
        term.negated && isChecked(term) ? sql`true` : termCondition(tables, term),
      ),
      baseSql: allOf(tables, filter, (term) =>
        isChecked(term) ? sql`true` : termCondition(tables, term),
      ),
    });
  }

  /** The jobs on which `condition` holds. */
  static all(tables: GoodJobTables, condition: Sql): RedactedMatch {
    return new RedactedMatch(tables, [], { sql: condition, baseSql: condition });
  }

  /** The same match with both conditions changed, as to what held at another moment. */
  map(change: (condition: Sql) => Sql): RedactedMatch {
    return new RedactedMatch(this.tables, this.checked, {
      sql: change(this.sql),
      baseSql: change(this.baseSql),
    });
  }

  /** False: `sql` is all there is. */
  get needsRecheck(): boolean {
    return this.checked.length > 0;
  }

  /**
   * Candidates and large jobs of `source`, in its order. `source` is a FROM item that has a job's columns as `j`. The
   * scan ends at the row at which `maxBytes` are used up: rows of every job of the filter's other terms count.
   */
  scanSql(
    source: Sql,
    { lastN = 0, limit, maxBytes = Infinity, also = sql`true`, last = empty }: ScanOptions = {},
  ): Sql {
    const exhausted = maxBytes === Infinity ? sql`false` : sql`s.total > ${maxBytes}::bigint`;
    return sql`
      SELECT s.id, s.n, s.fits, s.large, s.bytes::int AS bytes, s.total::float8 AS total, ${exhausted} AS exhausted FROM (
        SELECT r.id, r.fits, r.large, r.bytes, (row_number() OVER w)::int AS n, sum(r.bytes) OVER w AS total FROM (
          SELECT j.id, p.base AND l.bytes IS NULL AS large, coalesce(l.bytes, 0) AS bytes,
                 CASE WHEN l.bytes IS NOT NULL THEN coalesce((${this.sql} AND ${also}), false) ELSE false END AS fits
            FROM ${source}
            CROSS JOIN LATERAL (SELECT b.base, CASE WHEN b.base THEN ${payloadBytes} END AS bytes FROM (SELECT coalesce((${this.baseSql}), false) AS base OFFSET 0) b OFFSET 0) p
            CROSS JOIN LATERAL (SELECT CASE WHEN p.base THEN ${searchedBytes(sql`p.bytes`)} END AS bytes OFFSET 0) l
          OFFSET 0) r WINDOW w AS (ROWS UNBOUNDED PRECEDING)) s
       WHERE s.fits OR s.large OR s.n = ${lastN} OR ${exhausted} ${last} ${limit === undefined ? empty : sql`LIMIT ${limit}`}`;
  }

  /** The same where a limit of rows would not end the scan soon: where it ends is measured first, without any term of texts. */
  endedScanSql(source: Sql, options: EndedScanOptions): Sql {
    const { maxBytes } = options;
    return sql`
      WITH cut AS MATERIALIZED (SELECT c.n FROM (${this.scanSql(source, { maxBytes, also: sql`false` })}) c WHERE c.exhausted LIMIT 1)
      SELECT e.id, e.n, e.fits, e.large, e.bytes, e.total, e.exhausted OR coalesce(e.n = (SELECT n FROM cut), false) AS exhausted
        FROM (${this.scanSql(sql`(SELECT * FROM ${source} LIMIT (SELECT n FROM cut)) j`, { ...options, last: sql`OR s.n = (SELECT n FROM cut)` })}) e`;
  }

  /** Which of the scanned jobs are visible matches. */
  async visibleIds(
    tx: Tx,
    scanned: readonly ScannedJob[],
    budget: SearchBudget,
  ): Promise<{ ids: Set<string>; unsearched: number }> {
    const { rows, unsearched } = await this.firstVisible<{ id: string }>(tx, scanned, budget, {
      wanted: Infinity,
      columns: sql`j.id`,
    });
    return { ids: new Set(rows.map(({ id }) => id)), unsearched };
  }

  /** The first `wanted` visible matches in their order, with these columns of `j`, among which is `id`. */
  async firstVisible<Row extends { id: string }>(
    tx: Tx,
    scanned: readonly ScannedJob[],
    budget: SearchBudget,
    { wanted, columns }: { wanted: number; columns: Sql },
  ): Promise<Visible<Row>> {
    const visible: Visible<Row> = { rows: [], unsearched: 0 };
    const entries = scanned.filter(({ fits, large }) => fits || large);
    for (let from = 0; from < entries.length && visible.rows.length < wanted;) {
      const chunk = chunkOf(entries, from);
      from += chunk.length;
      const small = chunk.filter(({ large }) => !large).map(({ id }) => id);
      const rows =
        small.length > 0
          ? await this.recheck<Row>(tx, small, columns)
          : new Map<string, Row | 'unsearched'>();
      await budget.texts.yieldIfDue();
      for (const { id, large } of chunk) {
        if (visible.rows.length >= wanted) break;
        const row = large ? await this.readLarge<Row>(tx, id, columns, budget) : rows.get(id);
        if (row === 'unsearched') visible.unsearched += 1;
        else if (row) visible.rows.push(row);
      }
    }
    return visible;
  }

  /** The visible matches among the jobs, and those of which a text has become too large since the scan. */
  private async recheck<Row extends { id: string }>(
    tx: Tx,
    ids: readonly string[],
    columns: Sql,
  ): Promise<Map<string, Row | 'unsearched'>> {
    const { tables, checked } = this;
    const all = join(
      checked.map((term) => termCondition(tables, term)),
      ' AND ',
    );
    // Where the text of a negated term is not in the stored row, it is not in the redacted row either.
    const needed = checked.some(({ negated }) => !negated)
      ? sql`true`
      : sql`coalesce(${join(
          checked.map((term) => sql`(${plainCondition(tables, term)})`),
          ' OR ',
        )}, false)`;
    // One column, so that no stored text reaches the redacted row by mistake.
    const read = await tx.query<{ id: string; stored: string | null; fits: boolean }>(sql`
      SELECT ${columns}, j.fits, CASE WHEN j.needed THEN (SELECT row_to_json(t)::text FROM (SELECT ${storedTextColumns()}) t) END AS stored
        FROM (SELECT j.*, ${needed} AS needed, coalesce((${all}), false) AS fits
                FROM ${tables.jobs} j WHERE j.id = ANY(${[...ids]}::uuid[]) OFFSET 0) j`);
    const visible = new Set<string>();
    const unsearched = new Set<string>();
    const changed: Json[] = [];
    for (const { id, stored, fits } of read) {
      const texts = stored === null ? null : (JSON.parse(stored) as StoredTexts);
      const redacted = texts && (await redactTexts(texts, RECHECK));
      if (redacted?.tooLarge) unsearched.add(id);
      else if (redacted?.secrets.hidden) changed.push(redactedRow(id, redacted));
      else if (fits) visible.add(id);
    }
    for (const id of await this.matching(tx, changed, all)) visible.add(id);
    const rows = read
      .filter(({ id }) => visible.has(id))
      .map(({ stored: _stored, fits: _fits, ...row }) => row as unknown as Row);
    return new Map<string, Row | 'unsearched'>([
      ...rows.map((row): [string, Row] => [row.id, row]),
      ...[...unsearched].map((id): [string, 'unsearched'] => [id, 'unsearched']),
    ]);
  }

  /** Which of the redacted rows match. */
  private async matching(tx: Tx, rows: Json[], condition: Sql): Promise<string[]> {
    if (rows.length === 0) return [];
    const matched = await tx.query<{ id: string }>(sql`
      SELECT j.id FROM json_to_recordset(${compactJson({ kind: 'array', items: rows })}::json)
        AS j(id uuid, job_class text, queue_name text, cron_key text, error text, labels text[], serialized_params jsonb) WHERE ${condition}`);
    return matched.map(({ id }) => id);
  }

  /** Reads a large job completely, if the budget has room for it, and matches the first MAX_TEXT_BYTES of its redacted texts. */
  private async readLarge<Row extends { id: string }>(
    tx: Tx,
    id: string,
    columns: Sql,
    budget: SearchBudget,
  ): Promise<Row | 'unsearched' | undefined> {
    const maxBytes = budget.largeBytes;
    if (maxBytes <= MAX_TEXT_BYTES) return 'unsearched';
    const texts = await readWhole(tx, this.tables, id, maxBytes);
    budget.spendOnLarge(texts?.bytes ?? UNREAD_CHARGE);
    if (!texts) return 'unsearched';
    const { tables, checked } = this;
    const redacted = await redactTexts(texts.stored, RECHECK);
    await budget.texts.yieldIfDue();
    // Rules of the class do not apply to a class whose name was cut: its arguments are not redacted.
    const hasUnreadArguments = texts.stored.arguments !== null && redacted.arguments === undefined;
    if (redacted.tooLarge || hasUnreadArguments) return 'unsearched';
    const beginning = sql`left(${ARGUMENTS_TEXT}, ${MAX_TEXT_BYTES}::int)`;
    const condition = join(
      checked.map((term) => termCondition(tables, term, beginning)),
      ' AND ',
    );
    const matched = await this.matching(tx, [redactedRow(id, redacted)], condition);
    if (matched.length === 0) return undefined;
    const [row] = await tx.query<Row>(
      sql`SELECT ${columns} FROM ${tables.jobs} j WHERE j.id = ${id}`,
    );
    return row;
  }
}

const RECHECK = {
  budget: new TextBudget({ maxBytes: Infinity, maxMs: Infinity }),
  marker: MARKER,
  withArguments: true,
};

/** The next entries, as many as one statement may read. */
function chunkOf(entries: readonly ScannedJob[], from: number): ScannedJob[] {
  let bytes = 0;
  let to = from;
  while (to < entries.length && to - from < CHUNK_ROWS && (to === from || bytes < CHUNK_BYTES)) {
    bytes += entries[to]?.bytes ?? 0;
    to += 1;
  }
  return entries.slice(from, to);
}

/** All texts of a job, each of MAX_FULL_TEXT_BYTES at most; null: they are larger, or than `maxBytes` together. */
async function readWhole(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
  maxBytes: number,
): Promise<{ stored: StoredTexts; bytes: number } | null> {
  const [row] = await tx.query<{ bytes: number; stored: string | null }>(sql`
    SELECT t.bytes, CASE WHEN t.bytes <= ${Math.floor(maxBytes)}::bigint THEN row_to_json(t)::text END AS stored
      FROM (SELECT t.*, coalesce(octet_length(t.arguments), 0) + coalesce(octet_length(t."customMembers"), 0) + coalesce(octet_length(t.error), 0) + coalesce(${arrayBytes(sql`t.labels`)}, 0) AS bytes
              FROM (SELECT ${storedTextColumns({ maxBytes: MAX_FULL_TEXT_BYTES })} FROM ${tables.jobs} j WHERE j.id = ${id} OFFSET 0) t OFFSET 0) t`);
  return row?.stored == null
    ? null
    : { stored: JSON.parse(row.stored) as StoredTexts, bytes: row.bytes };
}

/** A job as a row of json_to_recordset. */
function redactedRow(id: string, texts: RedactedTexts): Json {
  const text = (given: string | null): Json => scalar(given && wellFormed(given));
  return object([
    ['id', scalar(id)],
    ['job_class', scalar(texts.jobClass)],
    ['queue_name', text(texts.queueName)],
    ['cron_key', text(texts.cronKey)],
    ['error', text(texts.error && texts.error.slice(0, MAX_TEXT_BYTES))],
    ['labels', { kind: 'array', items: texts.labels.map((label) => text(label)) }],
    [
      'serialized_params',
      texts.arguments ? object([['arguments', texts.arguments]]) : scalar(null),
    ],
  ]);
}

/** Postgres takes no half of a surrogate pair. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

/** The jobs of a filter. */
export function redactedMatch(
  tables: GoodJobTables,
  filter: Pick<JobFilter, 'state' | 'terms'> & Partial<Pick<JobFilter, 'notUnderstood'>>,
): RedactedMatch {
  return RedactedMatch.of(tables, filter);
}
