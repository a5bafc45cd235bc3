import 'server-only';
import sql, { type Sql, empty, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { type Json, memberOf, stringOf } from '../core/json';
import { TextBudget } from '../core/steps';
import { truncateText } from '../core/text';
import { MAX_STORED_JSON_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { isHeld } from '../good-job/locks';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { isPaused } from '../good-job/settings';
import { type GoodJobTables, runSeconds, stateOf, waitSeconds } from '../good-job/tables';
import { JOB_STATES } from '../good-job/types';
import { redaction } from '../redaction/redaction';
import { argumentLine, excerpt, summarize } from './summary';
import { arrayBytes, newJobBudget, redactTexts, storedTextColumns, storedTexts } from './texts';
import { type Column, type ExtraValues, type JobRow, isArgumentPath, parseColumns } from './types';

/** Maximum length of a text in a list. */
const MAX_TEXT_CHARS = 300;
/** Maximum length of an error, which has one line. */
const MAX_ERROR_CHARS = 200;
/** Maximum number of labels in a list. */
const MAX_LABELS = 20;

/** A stored row, before `redactRows`. */
export const readJobRow = storedTexts.extend({
  id: z.string(),
  priority: z.number().nullable(),
  attempts: z.number(),
  state: z.enum(JOB_STATES),
  errorEvent: z.enum(ERROR_EVENTS).nullable(),
  /** Sort key of the list. */
  sortAt: z.string(),
  wait: z.number().nullable(),
  run: z.number().nullable(),
  batchId: z.string().nullable(),
  /** Null instead of false for a waiting job without a queue or class. */
  paused: z.boolean().nullable(),
  lostWorker: z.boolean(),
});
export type ReadJobRow = z.infer<typeof readJobRow>;

/** Returns the columns of a ReadJobRow; `key` is the list's sort key. */
export function jobRowColumns(
  tables: GoodJobTables,
  key: Sql,
  texts = storedTextColumns({ always: true }),
): Sql {
  return sql`j.id, ${texts}, j.priority, coalesce(j.executions_count, 0) AS attempts,
    ${stateOf} AS state,
    (${[...ERROR_EVENTS]}::text[])[j.error_event + 1] AS "errorEvent",
    ${key} AS "sortAt", ${waitSeconds} AS wait, ${runSeconds} AS run, j.batch_id AS "batchId",
    j.finished_at IS NULL AND j.performed_at IS NULL AND ${isPaused(tables)} AS paused,
    CASE WHEN j.finished_at IS NULL AND j.performed_at IS NOT NULL
         THEN coalesce(NOT ${isHeld(tables)}, false)
         ELSE false END AS "lostWorker"`;
}

/** A job's position in a list. */
const listedIdRow = z.looseObject({ id: z.string(), sortAt: z.string() });
export type ListedId = Pick<JobRow, 'id' | 'sortAt'>;

/** What a list reads of each job (`Stored`), and how that becomes an item of the page. */
export interface RowReader<Stored extends ListedId, Item> {
  columns(tables: GoodJobTables, sortAt: Sql): Sql;
  /** A loose object, because queries add columns. */
  schema: z.ZodType<Stored>;
  toItems(rows: readonly Stored[], budget: TextBudget): Promise<Item[]>;
}

/** Reads rows for a list; `marks` are the texts that its search looks for. */
export const jobRows = (marks: readonly string[] = []): RowReader<ReadJobRow, JobRow> => ({
  columns: (tables, sortAt) => jobRowColumns(tables, sortAt),
  schema: readJobRow.loose(),
  toItems: (rows, budget) => redactRows(rows, { budget, marks }),
});

/** Reads only the id and the sort key of each job. */
export const JOB_IDS: RowReader<ListedId, ListedId> = {
  columns: (_tables, sortAt) => sql`j.id, ${sortAt} AS "sortAt"`,
  schema: listedIdRow,
  toItems: (rows) => Promise.resolve([...rows]),
};

/** Redacts rows for a list. Rows beyond the budget get `tooLarge`. */
export async function redactRows(
  rows: readonly ReadJobRow[],
  { budget = newJobBudget(), marks = [] }: { budget?: TextBudget; marks?: readonly string[] } = {},
): Promise<JobRow[]> {
  const redacted: JobRow[] = [];
  for (const row of rows) {
    redacted.push(await redactRow(row, budget, marks));
    await budget.yieldIfDue();
  }
  return redacted;
}

async function redactRow(
  row: ReadJobRow,
  budget: TextBudget,
  marks: readonly string[],
): Promise<JobRow> {
  const texts = await redactTexts(row, { budget, withArguments: true });
  const { jobClass, queueName, labels, error, tooLarge } = texts;
  const summary = summarize(jobClass, tooLarge ? undefined : texts.arguments);
  const truncate = (text: string | null) => text && truncateText(text, MAX_TEXT_CHARS);
  return {
    ...rowFields(row),
    jobClass: truncate(jobClass),
    ...(summary.unwrapped === null
      ? {}
      : { unwrapped: truncateText(summary.unwrapped, MAX_TEXT_CHARS) }),
    line: argumentLine(summary.arguments, marks),
    queueName: truncate(queueName),
    labels: labels.slice(0, MAX_LABELS).map((label) => truncateText(label, MAX_TEXT_CHARS)),
    error: error && excerpt(error, marks, MAX_ERROR_CHARS),
    ...(tooLarge ? { tooLarge } : {}),
  };
}

/** Returns the fields of a row that are not texts and need no redaction. */
export function rowFields(row: ReadJobRow) {
  const { id, priority, attempts, state, errorEvent, sortAt, batchId, lostWorker } = row;
  const milliseconds = (seconds: number | null) => seconds && Math.round(seconds * 1000) / 1000;
  const paused = row.paused === true;
  return {
    ...{ id, priority, attempts, state, errorEvent, sortAt, batchId, paused, lostWorker },
    wait: milliseconds(row.wait),
    run: milliseconds(row.run),
  };
}

/** Returns the callback jobs of a batch, newest first, at most 100; a batch has only a few. */
export async function listCallbackJobs(ctx: Ctx, batchId: string): Promise<JobRow[]> {
  const rows = await ctx.db.read((tx) =>
    tx.query(
      readJobRow,
      sql`
        SELECT ${jobRowColumns(ctx.tables, sql`j.created_at`)}
          FROM ${ctx.tables.jobs} j
         WHERE j.batch_callback_id = ${batchId}
         ORDER BY j.created_at DESC, j.id DESC
         LIMIT 100`,
    ),
  );
  return redactRows(rows);
}

/** Maximum length of a value of an optional column. */
const MAX_VALUE_CHARS = 120;

/** Columns with a key of the job. */
const KEYS = ['cron', 'concurrency'] as const;
const TIMES = ['created', 'scheduled', 'performed', 'finished'] as const;

/** Separate from the list's own budget, which has already been spent on the same texts. */
const BUDGET = { maxBytes: 1_000_000, maxMs: 150 };

/** The selected times of a job. */
const timesRow = z.strictObject({
  id: z.string(),
  created: z.string().optional(),
  scheduled: z.string().nullish(),
  performed: z.string().nullish(),
  finished: z.string().nullish(),
});
const columnsRow = z.union([timesRow, timesRow.extend(storedTexts.shape)]);

/**
 * Adds the values of optional columns to rows. It reads by good_jobs_pkey, and only when such a
 * column is selected.
 */
export async function loadColumns(
  ctx: Ctx,
  rows: JobRow[],
  columns: readonly Column[],
): Promise<JobRow[]> {
  const times = TIMES.filter((time) => columns.includes(time));
  const paths = columns.filter(isArgumentPath);
  const keys = KEYS.filter((key) => columns.includes(key));
  if (times.length + paths.length + keys.length === 0 || rows.length === 0) return rows;
  // Redaction of one text depends on all texts of the job, so all are read.
  const texts =
    paths.length + keys.length > 0 ? sql`, ${storedTextColumns({ always: true })}` : empty;
  const timeColumns = times.map((time) => sql`, ${raw(`j.${time}_at AS ${time}`)}`);
  const ids = rows.map(({ id }) => id);
  const storedRows = await ctx.db.read((tx) =>
    tx.query(
      columnsRow,
      sql`
        SELECT j.id ${texts} ${timeColumns.length > 0 ? join(timeColumns, ' ') : empty}
          FROM ${ctx.tables.jobs} j
         WHERE j.id = ANY(${ids}::uuid[])`,
    ),
  );
  const storedById = new Map(storedRows.map((row) => [row.id, row]));
  const budget = new TextBudget(BUDGET);
  const extended: JobRow[] = [];
  for (const row of rows) {
    const storedRow = storedById.get(row.id);
    const redacted =
      storedRow && 'labels' in storedRow
        ? await redactTexts(storedRow, { budget, withArguments: true })
        : undefined;
    await budget.yieldIfDue();
    const extra: ExtraValues = {
      ...Object.fromEntries(times.map((time) => [time, storedRow?.[time] ?? null])),
      ...Object.fromEntries(
        keys.map((key) => {
          const name = key === 'cron' ? redacted?.cronKey : redacted?.concurrencyKey;
          return [key, name ? truncateText(name, MAX_VALUE_CHARS) : null];
        }),
      ),
      ...Object.fromEntries(
        paths.map((column) => [
          column,
          printValue(
            redacted?.arguments && valueAt(redacted.arguments, column.split('.').slice(1)),
          ),
        ]),
      ),
    };
    const tooLarge = row.tooLarge ?? redacted?.tooLarge;
    extended.push({ ...row, ...(tooLarge ? { tooLarge } : {}), extra });
  }
  return extended;
}

/**
 * Follows a path like Postgres' `#>`: object keys and array indexes, negative ones from the end.
 */
function valueAt(json: Json, path: string[]): Json | undefined {
  return path.reduce<Json | undefined>((parent, part) => {
    if (parent?.kind === 'object') return memberOf(parent, part);
    return parent?.kind === 'array' && /^-?\d{1,9}$/.test(part)
      ? parent.items.at(Number(part))
      : undefined;
  }, json);
}

/** Prints a scalar or a GlobalID; other objects and arrays are abbreviated. */
function printValue(json: Json | undefined): string | null {
  if (!json) return null;
  if (json.kind === 'array') return '[…]';
  if (json.kind === 'object')
    return truncateText(stringOf(memberOf(json, '_aj_globalid')) ?? '{…}', MAX_VALUE_CHARS);
  return truncateText(stringOf(json) ?? json.text, MAX_VALUE_CHARS);
}

/** The columns of a list. */
interface VisibleColumns {
  columns: readonly Column[];
  /** Selected argument paths that redaction hides; they are not columns. */
  hidden: Column[];
}

/** Parses a selection of columns and removes argument paths that redaction hides. */
export function visibleColumns(text: string | null | undefined): VisibleColumns {
  const selected = parseColumns(text);
  const hidden = selected.filter(
    (column) => isArgumentPath(column) && redaction().isSecretPath(column.split('.').slice(1)),
  );
  return {
    columns:
      hidden.length === 0
        ? selected
        : parseColumns(selected.filter((column) => !hidden.includes(column)).join(',')),
    hidden,
  };
}

/*
 * SQL on the alias `j` that decides which jobs are too large to search, and what the texts of the
 * others cost. A job is large exactly when a text of StoredTexts would not be read.
 */

/** The arguments of a payload with more bytes in memory are not measured. */
const MAX_PAYLOAD_BYTES = MAX_STORED_JSON_BYTES * 8;
/** First bytes of each row, which a search does not count: a row limit bounds ordinary jobs. */
const FREE_BYTES = 1_024;
const TEXT_COLUMNS = [
  'arguments',
  'customMembers',
  'error',
  'jobClass',
  'queueName',
  'cronKey',
  'concurrencyKey',
];

/** Returns SQL for the total bytes of the StoredTexts columns of `alias` that were read. */
export const readBytes = (alias: Sql): Sql =>
  join(
    [
      ...TEXT_COLUMNS.map((name) => sql`coalesce(octet_length(${alias}.${raw(`"${name}"`)}), 0)`),
      sql`coalesce(${arrayBytes(sql`${alias}.labels`)}, 0)`,
    ],
    ' + ',
    '(',
    ')',
  );

/** Bytes of the payload in memory; NULL if its stored size alone is too large to decompress it. */
export const payloadBytes = sql`
  CASE WHEN pg_column_size(j.serialized_params) <= ${MAX_STORED_JSON_BYTES}
       THEN pg_column_size(ARRAY[j.serialized_params]) END`;

/**
 * Returns the bytes that a search charges for a job; NULL for a large job. `payload` is the result
 * of payloadBytes.
 */
export function searchedBytes(payload: Sql): Sql {
  const isUnread = sql`
    t."hasLargeName" OR t.labels IS NULL OR t.arguments = '' OR t."customMembers" = ''
    OR (t.error IS NULL AND t."errorBytes" IS NOT NULL)`;
  const restOfPayload = sql`
    greatest(coalesce(${payload}, 0) - coalesce(octet_length(t.arguments), 0), 0)`;
  return sql`CASE WHEN octet_length(j.error) > ${MAX_TEXT_BYTES} THEN NULL
    WHEN j.serialized_params IS NULL OR ${payload} <= ${MAX_PAYLOAD_BYTES} THEN (
      SELECT CASE WHEN ${isUnread} THEN NULL
                  ELSE greatest(${restOfPayload} + ${readBytes(sql`t`)} - ${FREE_BYTES}, 0) END
        FROM (SELECT ${storedTextColumns()} OFFSET 0) t) END`;
}
