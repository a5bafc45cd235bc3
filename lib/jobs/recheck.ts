import sql, { type Sql, empty, join } from 'sql-template-tag';
import { z } from 'zod';
import { type Json, compactJson } from '../core/json';
import { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import { MAX_TEXT_BYTES } from '../db/text-limit';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import {
  ARGUMENTS_TEXT,
  filterCondition,
  plainCondition,
  termCondition,
  likePattern,
} from '../search/conditions';
import type { Term, UnderstoodTerm } from '../search/terms';
import type { JobFilter } from './filters';
import { payloadBytes, searchedBytes } from './rows';
import {
  type WholeTexts,
  readAllTexts,
  redactStored,
  redactedRow,
  storedTextColumns,
} from './texts';

/*
 * A search must not find what redaction hides, or a user could guess a secret letter by letter. A
 * term that searches texts therefore selects candidates in SQL, and each candidate is matched again
 * on its redacted row.
 *
 * A job with a text of more than MAX_TEXT_BYTES is "large" and never a candidate. It is read
 * completely, or counted as unsearched once the budget of the request is spent, so neither the
 * number nor the order of the results depends on a hidden value.
 */

/** Bytes charged for a large job over the budget, because Postgres printed it to measure it. */
const UNREAD_CHARGE_BYTES = 200_000;
/** Bytes that one request may search, without the first kilobyte of each job. */
export const MAX_SEARCHED_BYTES = 250_000;
/** Bytes of large jobs that a search may read; a chart, which accompanies a list, reads less. */
const MAX_LARGE_BYTES = 1_100_000;
export const MAX_CHART_LARGE_BYTES = 250_000;
const MAX_LARGE_JOBS = 8;
/** Candidates that one statement reads. */
const CHUNK_ROWS = 200;
const CHUNK_BYTES = 1_000_000;

/**
 * Whether a term searches texts that redaction may change. Terms that match a whole name are
 * compared in SQL only.
 */
function needsRecheck(term: Term): term is UnderstoodTerm {
  if (redaction().isOff) return false;
  if (term.kind === 'text' || term.kind === 'argument') return true;
  return (
    term.kind === 'match' &&
    (term.field === 'error' ||
      (term.field !== 'state' && term.values.some((value) => likePattern(value) !== null)))
  );
}

/**
 * The budget of one search, in bytes of ordinary jobs and of large ones. It has no time limit: the
 * duration of a recheck depends on hidden values, and the end of a search must not.
 */
export class SearchBudget {
  /** Bytes left for ordinary jobs, without the first kilobyte of each. */
  remainingBytes: number;
  private remainingLargeBytes: number;
  private remainingLargeJobs = MAX_LARGE_JOBS;
  /** Unlimited; only used to yield to the event loop. */
  readonly texts = new TextBudget({ maxBytes: Infinity, maxMs: Infinity });

  constructor({ bytes = MAX_SEARCHED_BYTES, largeBytes = MAX_LARGE_BYTES } = {}) {
    this.remainingBytes = bytes;
    this.remainingLargeBytes = largeBytes;
  }

  /** Maximum size of the next large job; 0 when no more are read. */
  get largeBytes(): number {
    return this.remainingLargeJobs > 0 ? this.remainingLargeBytes : 0;
  }

  spendOnLarge(bytes: number): void {
    this.remainingLargeJobs -= 1;
    this.remainingLargeBytes -= bytes;
  }
}

/** A row of a scan: a candidate, a large job, or the last row of the scan. */
export const scannedJob = z.strictObject({
  id: z.string(),
  /** Row number in the source, from 1. */
  n: z.number(),
  /** Whether the job is a candidate. */
  fits: z.boolean(),
  /** Whether a text of the job exceeds MAX_TEXT_BYTES. */
  large: z.boolean(),
  bytes: z.number(),
  /** Bytes of all rows up to this one. */
  total: z.number(),
  /** Whether this row used up the bytes of the scan. */
  exhausted: z.boolean(),
});
export type ScannedJob = z.infer<typeof scannedJob>;

/** Columns to read of a job `j`, which include `id`, and the schema of their rows. */
export interface JobColumns<Row extends { id: string }> {
  sql: Sql;
  /** A loose object, because queries add columns. */
  schema: z.ZodType<Row>;
}

const idRow = z.strictObject({ id: z.string() });
const ID_COLUMN: JobColumns<{ id: string }> = { sql: sql`j.id`, schema: idRow.loose() };

/** Columns that the recheck adds to those of its caller. */
const recheckedRow = z.looseObject({
  /** JSON text of StoredTexts; null if the recheck does not need them. */
  stored: z.string().nullable(),
  /** Whether the stored row matches. */
  fits: z.boolean(),
});

interface ScanOptions {
  /** `n` of the source's last row, which is returned even when it is not a candidate. */
  lastN?: number;
  /** Condition of another row to return; begins with OR. */
  last?: Sql;
  limit?: number;
  maxBytes?: number;
  /** Additional condition for candidates; not applied to large jobs. */
  also?: Sql;
}

/**
 * A scan that ends in the database at the row that uses up its bytes; later rows are not evaluated.
 */
interface EndedScanOptions extends ScanOptions {
  maxBytes: number;
}

interface Visible<Row> {
  rows: Row[];
  /** Large jobs that were not searched, up to the last requested row. */
  unsearched: number;
}

/** Matches jobs by SQL, and rechecks candidates of text terms on their redacted rows. */
export class RedactedMatch {
  /**
   * Condition on the alias `j`. It holds for every match that is not large, and for candidates the
   * recheck rejects.
   */
  readonly sql: Sql;
  /**
   * `sql` without text terms. Search limits count these jobs, so they do not depend on hidden
   * values.
   */
  readonly baseSql: Sql;

  private constructor(
    private readonly tables: GoodJobTables,
    private readonly checked: readonly UnderstoodTerm[],
    conditions: { sql: Sql; baseSql: Sql },
  ) {
    this.sql = conditions.sql;
    this.baseSql = conditions.baseSql;
  }

  /** Returns the match of a filter. A filter that could not be parsed matches nothing. */
  static of(tables: GoodJobTables, filter: Parameters<typeof filterCondition>[1]): RedactedMatch {
    const checked = filter.notUnderstood?.length ? [] : filter.terms.filter(needsRecheck);
    return new RedactedMatch(tables, checked, {
      sql: filterCondition(tables, filter, (term) =>
        term.negated && needsRecheck(term) ? sql`true` : termCondition(tables, term),
      ),
      baseSql: filterCondition(tables, filter, (term) =>
        needsRecheck(term) ? sql`true` : termCondition(tables, term),
      ),
    });
  }

  /** Returns a match of all jobs that satisfy `condition`, without a recheck. */
  static all(tables: GoodJobTables, condition: Sql): RedactedMatch {
    return new RedactedMatch(tables, [], { sql: condition, baseSql: condition });
  }

  /** Returns this match with both SQL conditions changed. */
  map(change: (condition: Sql) => Sql): RedactedMatch {
    return new RedactedMatch(this.tables, this.checked, {
      sql: change(this.sql),
      baseSql: change(this.baseSql),
    });
  }

  /** Whether candidates must be rechecked; if not, `sql` is exact. */
  get needsRecheck(): boolean {
    return this.checked.length > 0;
  }

  /**
   * Selects candidates and large jobs of `source`, a FROM item with a job's columns as `j`, in its
   * order. All jobs that satisfy `baseSql` count towards `maxBytes`.
   */
  scanSql(
    source: Sql,
    { lastN = 0, limit, maxBytes = Infinity, also = sql`true`, last = empty }: ScanOptions = {},
  ): Sql {
    const exhausted = maxBytes === Infinity ? sql`false` : sql`s.total > ${maxBytes}::bigint`;
    return sql`
      SELECT s.id, s.n, s.fits, s.large, s.bytes::int AS bytes, s.total::float8 AS total,
             ${exhausted} AS exhausted
        FROM (
        SELECT r.id, r.fits, r.large, r.bytes, (row_number() OVER w)::int AS n,
               sum(r.bytes) OVER w AS total
          FROM (
          SELECT j.id, p.base AND l.bytes IS NULL AS large, coalesce(l.bytes, 0) AS bytes,
                 CASE WHEN l.bytes IS NOT NULL
                      THEN coalesce((${this.sql} AND ${also}), false)
                      ELSE false END AS fits
            FROM ${source}
            CROSS JOIN LATERAL (
              SELECT b.base, CASE WHEN b.base THEN ${payloadBytes} END AS bytes
                FROM (SELECT coalesce((${this.baseSql}), false) AS base OFFSET 0) b
              OFFSET 0) p
            CROSS JOIN LATERAL (
              SELECT CASE WHEN p.base THEN ${searchedBytes(sql`p.bytes`)} END AS bytes
              OFFSET 0) l
          OFFSET 0) r
        WINDOW w AS (ROWS UNBOUNDED PRECEDING)) s
       WHERE s.fits OR s.large OR s.n = ${lastN} OR ${exhausted} ${last}
       ${limit === undefined ? empty : sql`LIMIT ${limit}`}`;
  }

  /**
   * A scan that ends early even when candidates are rare and its LIMIT is not reached: a first pass
   * without text terms finds the row that uses up the bytes.
   */
  endedScanSql(source: Sql, options: EndedScanOptions): Sql {
    const { maxBytes } = options;
    const boundScan = this.scanSql(source, { maxBytes, also: sql`false` });
    const scan = this.scanSql(sql`(SELECT * FROM ${source} LIMIT (SELECT n FROM cut)) j`, {
      ...options,
      last: sql`OR s.n = (SELECT n FROM cut)`,
    });
    return sql`
      WITH cut AS MATERIALIZED (
        SELECT c.n
          FROM (${boundScan}) c
         WHERE c.exhausted
         LIMIT 1)
      SELECT e.id, e.n, e.fits, e.large, e.bytes, e.total,
             e.exhausted OR coalesce(e.n = (SELECT n FROM cut), false) AS exhausted
        FROM (${scan}) e`;
  }

  /** Returns the ids of the scanned jobs that are visible matches. */
  async visibleIds(
    tx: Tx,
    scanned: readonly ScannedJob[],
    budget: SearchBudget,
  ): Promise<{ ids: Set<string>; unsearched: number }> {
    const { rows, unsearched } = await this.firstVisible(tx, scanned, budget, {
      wanted: Infinity,
      columns: ID_COLUMN,
    });
    return { ids: new Set(rows.map(({ id }) => id)), unsearched };
  }

  /** Returns the first `wanted` visible matches in scan order, with the given columns. */
  async firstVisible<Row extends { id: string }>(
    tx: Tx,
    scanned: readonly ScannedJob[],
    budget: SearchBudget,
    { wanted, columns }: { wanted: number; columns: JobColumns<Row> },
  ): Promise<Visible<Row>> {
    const visible: Visible<Row> = { rows: [], unsearched: 0 };
    const entries = scanned.filter(({ fits, large }) => fits || large);
    for (let from = 0; from < entries.length && visible.rows.length < wanted;) {
      const chunk = chunkOf(entries, from);
      from += chunk.length;
      const small = chunk.filter(({ large }) => !large).map(({ id }) => id);
      const rows =
        small.length > 0
          ? await this.recheck(tx, small, columns)
          : new Map<string, Row | 'unsearched'>();
      await budget.texts.yieldIfDue();
      for (const { id, large } of chunk) {
        if (visible.rows.length >= wanted) break;
        const row = large ? await this.readLarge(tx, id, columns, budget) : rows.get(id);
        if (row === 'unsearched') visible.unsearched += 1;
        else if (row) visible.rows.push(row);
      }
    }
    return visible;
  }

  /**
   * Returns the visible matches, and marks jobs with a text that became too large since the scan.
   */
  private async recheck<Row extends { id: string }>(
    tx: Tx,
    ids: readonly string[],
    columns: JobColumns<Row>,
  ): Promise<Map<string, Row | 'unsearched'>> {
    const { tables, checked } = this;
    const condition = join(
      checked.map((term) => termCondition(tables, term)),
      ' AND ',
    );
    // If a stored row does not contain the text of a negated term, its redacted row does not
    // either.
    const needsTexts = checked.some(({ negated }) => !negated)
      ? sql`true`
      : sql`coalesce(${join(
          checked.map((term) => sql`(${plainCondition(tables, term)})`),
          ' OR ',
        )}, false)`;
    // All stored texts are one column, which is removed from the rows before they are returned.
    const candidates: (Row & Partial<z.infer<typeof recheckedRow>>)[] = await tx.query(
      z.intersection(columns.schema, recheckedRow),
      sql`
        SELECT ${columns.sql}, j.fits,
               CASE WHEN j.needed
                    THEN (SELECT row_to_json(t)::text FROM (SELECT ${storedTextColumns()}) t)
                    END AS stored
          FROM (SELECT j.*, ${needsTexts} AS needed, coalesce((${condition}), false) AS fits
                  FROM ${tables.jobs} j
                 WHERE j.id = ANY(${[...ids]}::uuid[])
                OFFSET 0) j`,
    );
    const visible = new Set<string>();
    const unsearched = new Set<string>();
    const changed: Json[] = [];
    for (const row of candidates) {
      const { id, stored, fits } = row;
      delete row.stored;
      delete row.fits;
      const redacted = stored == null ? null : await redactStored(stored);
      if (redacted?.tooLarge) unsearched.add(id);
      else if (redacted?.secrets.hasRedactions) changed.push(redactedRow(id, redacted));
      else if (fits) visible.add(id);
    }
    for (const id of await this.matching(tx, changed, condition)) visible.add(id);
    const rows = candidates.filter(({ id }) => visible.has(id));
    return new Map<string, Row | 'unsearched'>([
      ...rows.map((row): [string, Row] => [row.id, row]),
      ...[...unsearched].map((id): [string, 'unsearched'] => [id, 'unsearched']),
    ]);
  }

  /** Returns the ids of the redacted rows that match. */
  private async matching(tx: Tx, rows: Json[], condition: Sql): Promise<string[]> {
    if (rows.length === 0) return [];
    const matched = await tx.query(
      idRow,
      sql`
        SELECT j.id
          FROM json_to_recordset(${compactJson({ kind: 'array', items: rows })}::json)
            AS j(id uuid, job_class text, queue_name text, cron_key text, error text,
                 labels text[], serialized_params jsonb)
         WHERE ${condition}`,
    );
    return matched.map(({ id }) => id);
  }

  /** Reads the texts of a large job; null if the budget does not allow it. */
  private async readLargeTexts(
    tx: Tx,
    id: string,
    budget: SearchBudget,
  ): Promise<WholeTexts | null> {
    const maxBytes = budget.largeBytes;
    if (maxBytes <= MAX_TEXT_BYTES) return null;
    const texts = await readAllTexts(tx, this.tables, id, maxBytes);
    budget.spendOnLarge(texts?.bytes ?? UNREAD_CHARGE_BYTES);
    return texts;
  }

  /**
   * Reads all texts of a large job if the budget allows, and matches them redacted; arguments are
   * truncated to MAX_TEXT_BYTES characters.
   */
  private async readLarge<Row extends { id: string }>(
    tx: Tx,
    id: string,
    columns: JobColumns<Row>,
    budget: SearchBudget,
  ): Promise<Row | 'unsearched' | undefined> {
    const texts = await this.readLargeTexts(tx, id, budget);
    if (!texts) return 'unsearched';
    const { tables, checked } = this;
    const redacted = await redactStored(texts.stored);
    await budget.texts.yieldIfDue();
    // Redaction rules of a class cannot be applied when its name was truncated, so the arguments
    // are unread.
    const hasUnreadArguments = texts.hasArguments && redacted.arguments === undefined;
    if (redacted.tooLarge || hasUnreadArguments) return 'unsearched';
    const beginning = sql`left(${ARGUMENTS_TEXT}, ${MAX_TEXT_BYTES}::int)`;
    const condition = join(
      checked.map((term) => termCondition(tables, term, beginning)),
      ' AND ',
    );
    const matched = await this.matching(tx, [redactedRow(id, redacted)], condition);
    if (matched.length === 0) return undefined;
    const [row] = await tx.query(
      columns.schema,
      sql`SELECT ${columns.sql} FROM ${tables.jobs} j WHERE j.id = ${id}`,
    );
    return row;
  }
}

/** Returns the next entries, up to CHUNK_ROWS and about CHUNK_BYTES. */
function chunkOf(entries: readonly ScannedJob[], from: number): ScannedJob[] {
  let bytes = 0;
  let to = from;
  while (to < entries.length && to - from < CHUNK_ROWS && (to === from || bytes < CHUNK_BYTES)) {
    bytes += entries[to]?.bytes ?? 0;
    to += 1;
  }
  return entries.slice(from, to);
}

/** Returns the match of a filter. */
export function redactedMatch(
  tables: GoodJobTables,
  filter: Pick<JobFilter, 'state' | 'terms'> & Partial<Pick<JobFilter, 'notUnderstood'>>,
): RedactedMatch {
  return RedactedMatch.of(tables, filter);
}
