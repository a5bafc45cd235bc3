import 'server-only';
import sql, { type Sql, empty, join, raw } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { type Json, get, stringOf } from '../core/json';
import { TextBudget } from '../core/steps';
import { cut } from '../core/text';
import { MAX_STORED_JSON_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { isHeld } from '../good-job/locks';
import { isPaused } from '../good-job/pauses';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { readyAt, stateOf } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { type Column, type ExtraValues, isPath, parseColumns } from './columns';
import { type StoredTexts, newJobBudget, redactTexts, storedTextColumns } from './texts';
import type { JobRow } from './types';

/** Characters of a text that a list carries at most. */
const LISTED_TEXT_LENGTH = 300;
/** Labels that a list carries at most. */
const LABELS_SHOWN = 20;

/** A row as it is stored; `redactRows` makes of it what is shown. */
export type ReadJobRow = Omit<JobRow, keyof StoredTexts | 'tooLarge'> & StoredTexts;

/** The columns of a ReadJobRow; `key` is the list's sort key. */
export function jobRowColumns(tables: GoodJobTables, key: Sql, texts = storedTextColumns()): Sql {
  return sql`j.id, ${texts}, j.priority, coalesce(j.executions_count, 0) AS attempts, ${stateOf} AS state,
    (${[...ERROR_EVENTS]}::text[])[j.error_event + 1] AS "errorEvent",
    CASE WHEN j.finished_at IS NOT NULL THEN j.finished_at WHEN j.performed_at IS NOT NULL THEN j.performed_at ELSE ${readyAt} END AS "lastAt",
    ${key} AS "sortAt", j.batch_id AS "batchId",
    j.finished_at IS NULL AND j.performed_at IS NULL AND ${isPaused(tables)} AS paused,
    CASE WHEN j.finished_at IS NULL AND j.performed_at IS NOT NULL THEN coalesce(NOT ${isHeld(tables)}, false) ELSE false END AS "lostWorker"`;
}

/** Of a ReadJobRow only what a page of ids needs. */
export const idColumns = (key: Sql): Sql => sql`j.id, ${key} AS "sortAt"`;

/** The rows without what is hidden of them. Rows beyond the budget say that they are too large to show. */
export async function redactRows(
  rows: readonly ReadJobRow[],
  budget: TextBudget = newJobBudget(),
): Promise<JobRow[]> {
  const redacted: JobRow[] = [];
  for (const row of rows) {
    redacted.push(await redactRow(row, budget));
    await budget.yieldIfDue();
  }
  return redacted;
}

async function redactRow(row: ReadJobRow, budget: TextBudget): Promise<JobRow> {
  const { jobClass, queueName, labels, error, tooLarge } = await redactTexts(row, { budget });
  const short = (text: string | null) => text && cut(text, LISTED_TEXT_LENGTH);
  return {
    ...listedFacts(row),
    jobClass: short(jobClass),
    queueName: short(queueName),
    labels: labels.slice(0, LABELS_SHOWN).map((label) => cut(label, LISTED_TEXT_LENGTH)),
    error: short(error),
    ...(tooLarge ? { tooLarge } : {}),
  };
}

/** What a row says besides its texts. */
export function listedFacts(row: ReadJobRow) {
  const { id, priority, attempts, state, errorEvent, lastAt, sortAt, batchId } = row;
  const { paused, lostWorker } = row;
  return { id, priority, attempts, state, errorEvent, lastAt, sortAt, batchId, paused, lostWorker };
}

/** The callback jobs of a batch, newest first; a batch has a handful, so the first 100 are all. */
export async function listCallbackJobs(ctx: Ctx, batchId: string): Promise<JobRow[]> {
  const rows = await ctx.db.read((tx) =>
    tx.query<ReadJobRow>(sql`
      SELECT ${jobRowColumns(ctx.tables, sql`j.created_at`)} FROM ${ctx.tables.jobs} j WHERE j.batch_callback_id = ${batchId}
       ORDER BY j.created_at DESC, j.id DESC LIMIT 100`),
  );
  return redactRows(rows);
}

/** Characters of a value that a list carries at most. */
const COLUMN_TEXT_LENGTH = 120;

const STORED: Partial<Record<Column, Sql>> = {
  created: sql`j.created_at`,
  scheduled: sql`j.scheduled_at`,
  performed: sql`j.performed_at`,
  finished: sql`j.finished_at`,
};

/** The list has read the same texts before, with a budget of its own. */
const BUDGET = { maxBytes: 1_500_000, maxMs: 250 };

type ReadValues = StoredTexts & { id: string } & Record<`value${number}`, string | null>;

/** The rows with what these columns need besides a JobRow's own: read by id, and only when a viewer chose such a column. */
export async function withColumns(
  ctx: Ctx,
  rows: JobRow[],
  columns: readonly Column[],
): Promise<JobRow[]> {
  const stored = columns.flatMap((column) =>
    STORED[column] ? [{ column, value: STORED[column] }] : [],
  );
  const paths = columns.filter(isPath);
  const hasCron = columns.includes('cron');
  if ((stored.length + paths.length === 0 && !hasCron) || rows.length === 0) return rows;
  // What is hidden at a path, or of a key, depends on all texts of the job: they are read, and the value is taken of what is redacted.
  const texts = paths.length > 0 || hasCron ? sql`, ${storedTextColumns({ always: true })}` : empty;
  const others = stored.map(({ value }, n) => sql`, ${value} AS ${raw(`value${n}`)}`);
  // good_jobs_pkey
  const values = await ctx.db.read((tx) =>
    tx.query<ReadValues>(
      sql`SELECT j.id ${texts} ${others.length > 0 ? join(others, ' ') : empty} FROM ${ctx.tables.jobs} j WHERE j.id = ANY(${rows.map(({ id }) => id)}::uuid[])`,
    ),
  );
  const byId = new Map(values.map((row) => [row.id, row]));
  const budget = new TextBudget(BUDGET);
  const extended: JobRow[] = [];
  for (const row of rows) {
    const read = byId.get(row.id);
    const redacted =
      read && texts !== empty
        ? await redactTexts(read, { budget, withArguments: true })
        : undefined;
    await budget.yieldIfDue();
    const extra: ExtraValues = {
      ...Object.fromEntries(stored.map(({ column }, n) => [column, read?.[`value${n}`] ?? null])),
      ...(hasCron
        ? { cron: redacted?.cronKey ? cut(redacted.cronKey, COLUMN_TEXT_LENGTH) : null }
        : {}),
      ...Object.fromEntries(
        paths.map((column) => [
          column,
          printed(redacted?.arguments && valueAt(redacted.arguments, column.split('.').slice(1))),
        ]),
      ),
    };
    const tooLarge = row.tooLarge ?? redacted?.tooLarge;
    extended.push({ ...row, ...(tooLarge ? { tooLarge } : {}), extra });
  }
  return extended;
}

/** As `#>` finds it: a key of an object, or a place in an array, counted from its end when negative. */
function valueAt(json: Json, path: string[]): Json | undefined {
  return path.reduce<Json | undefined>((found, part) => {
    if (found?.kind === 'object') return get(found, part);
    return found?.kind === 'array' && /^-?\d{1,9}$/.test(part)
      ? found.items.at(Number(part))
      : undefined;
  }, json);
}

/** A scalar; of an object its GlobalID, or no more than that there is one. */
function printed(json: Json | undefined): string | null {
  if (!json) return null;
  if (json.kind === 'array') return '[…]';
  if (json.kind === 'object')
    return cut(stringOf(get(json, '_aj_globalid')) ?? '{…}', COLUMN_TEXT_LENGTH);
  return cut(stringOf(json) ?? json.text, COLUMN_TEXT_LENGTH);
}

export interface ShownColumns {
  columns: readonly Column[];
  /** Paths whose values are hidden: they are no columns. */
  hidden: Column[];
}

/** The choice of columns without those that would show nothing but that something is hidden. */
export function shownColumns(text: string | null | undefined): ShownColumns {
  const asked = parseColumns(text);
  const hidden = asked.filter(
    (column) => isPath(column) && redaction().isSecretPath(column.split('.').slice(1)),
  );
  return {
    columns:
      hidden.length === 0
        ? asked
        : parseColumns(asked.filter((column) => !hidden.includes(column)).join(',')),
    hidden,
  };
}

/*
 * Which jobs are too large to be searched by SQL alone, on the alias `j`, and what the texts of the others cost. A job is
 * large exactly where a text of StoredTexts would not be read: its columns are what decides.
 */

/** Bytes of a payload in memory beyond which its arguments are not measured. */
const MAX_PAYLOAD_BYTES = MAX_STORED_JSON_BYTES * 8;
/** Bytes of each row that a search does not count: ordinary rows are bounded by their number. */
const FREE_BYTES = 1_024;
/** Memory of an element of an array, whatever its text. */
const ELEMENT_BYTES = 8;

/** Bytes of an array of texts that was read. */
export const arrayBytes = (array: Sql): Sql =>
  sql`(octet_length(array_to_string(${array}, ',', '')) + ${ELEMENT_BYTES} * cardinality(${array}))`;

/** Bytes of the texts of StoredTexts that were read, on this alias. */
export const readBytes = (alias: Sql): Sql =>
  join(
    [
      ...[
        'arguments',
        'customMembers',
        'error',
        'jobClass',
        'queueName',
        'cronKey',
        'concurrencyKey',
      ].map((name) => sql`coalesce(octet_length(${alias}.${raw(`"${name}"`)}), 0)`),
      sql`coalesce(${arrayBytes(sql`${alias}.labels`)}, 0)`,
    ],
    ' + ',
    '(',
    ')',
  );

/** Bytes of the payload in memory; NULL where it is large by its stored size alone, and is not decompressed. */
export const payloadBytes = sql`CASE WHEN pg_column_size(j.serialized_params) <= ${MAX_STORED_JSON_BYTES} THEN pg_column_size(ARRAY[j.serialized_params]) END`;

/** What a search counts of the job's texts against its budget; NULL: the job is large. `payload`: what payloadBytes gave for it. */
export function searchedBytes(payload: Sql): Sql {
  const isUnread = sql`t."hasLargeName" OR t.labels IS NULL OR t.arguments = '' OR t."customMembers" = '' OR (t.error IS NULL AND t."errorBytes" IS NOT NULL)`;
  return sql`CASE WHEN octet_length(j.error) > ${MAX_TEXT_BYTES} THEN NULL
    WHEN j.serialized_params IS NULL OR ${payload} <= ${MAX_PAYLOAD_BYTES} THEN (
      SELECT CASE WHEN ${isUnread} THEN NULL ELSE greatest(greatest(coalesce(${payload}, 0) - coalesce(octet_length(t.arguments), 0), 0) + ${readBytes(sql`t`)} - ${FREE_BYTES}, 0) END
        FROM (SELECT ${storedTextColumns()} OFFSET 0) t) END`;
}
