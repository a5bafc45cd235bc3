import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import { recordRead } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { type Json, compactJson, scalar } from '../core/json';
import type { TextBudget } from '../core/steps';
import type { Cursor } from '../core/urls';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { stateOf } from '../good-job/tables';
import { JOB_STATES } from '../good-job/types';
import {
  csvHeader,
  csvLines,
  EXPORT_CHUNK,
  type ExportFormat,
  ndjsonLine,
} from '../http/export-format';
import { type JobFilter, jobFilterParams, resolveFilter } from './filters';
import { listJobIds } from './list';
import { type ListedId, readBytes } from './rows';
import {
  newFullTextBudget,
  redactTexts,
  storedTextColumns,
  storedTexts,
  type StoredTexts,
} from './texts';
import type { JobPage } from './types';

/** Columns that are exported as they are stored. Times are ISO 8601 UTC with microseconds. */
const plainColumns = z.strictObject({
  id: z.string(),
  state: z.enum(JOB_STATES),
  priority: z.number().nullable(),
  attempts: z.number(),
  created_at: z.string(),
  scheduled_at: z.string().nullable(),
  performed_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  error_event: z.enum(ERROR_EVENTS).nullable(),
  batch_id: z.string().nullable(),
  batch_callback_id: z.string().nullable(),
});
type StoredJob = z.infer<typeof plainColumns> & StoredTexts;

const chunkRow = z.strictObject({
  ...plainColumns.shape,
  ...storedTexts.shape,
  /** Position in the list of ids, from 1. */
  n: z.number(),
  /** Bytes of the texts of all rows up to this one. */
  total: z.string(),
});

/** A record of the file, redacted. */
interface ExportedJob extends z.infer<typeof plainColumns> {
  job_class: string | null;
  queue_name: string | null;
  labels: string[];
  error: string | null;
  cron_key: string | null;
  concurrency_key: string | null;
  json: Json;
}

const COLUMNS: readonly (Exclude<keyof ExportedJob, 'json'> | 'arguments')[] = [
  'id',
  'state',
  'job_class',
  'queue_name',
  'priority',
  'labels',
  'attempts',
  'created_at',
  'scheduled_at',
  'performed_at',
  'finished_at',
  'error',
  'error_event',
  'batch_id',
  'batch_callback_id',
  'cron_key',
  'concurrency_key',
  'arguments',
];

/** A larger text is replaced by a note with its size. */
const MAX_EXPORT_TEXT_BYTES = 256 * 1024;
/** Maximum bytes of text that one statement reads. */
const MAX_CHUNK_BYTES = 2_000_000;
const FIRST_CHUNK = 50;

/**
 * Generates a file of all jobs of a filter, in list order. Each chunk is a separate short read, so
 * that a slow client holds no transaction open; the filter must satisfy `isUnderstood`.
 *
 * When the export ends or the client disconnects, it is recorded in the audit log with its filter
 * and number of rows.
 */
export async function* exportJobs(
  ctx: Ctx,
  input: JobFilter,
  format: ExportFormat,
): AsyncGenerator<string, void, void> {
  const { filter } = await ctx.db.read((tx) => resolveFilter(tx, ctx.tables, input));
  const progress = { rows: 0, unsearched: 0, isComplete: false };
  try {
    yield* exportChunks(ctx, filter, format, progress);
    progress.isComplete = true;
  } finally {
    await recordRead(ctx, 'job.export', {
      counts: { exported: progress.rows },
      details: {
        filter: String(new URLSearchParams(jobFilterParams(filter))),
        format,
        complete: progress.isComplete,
        ...(progress.unsearched > 0 ? { not_searched: progress.unsearched } : {}),
      },
    });
  }
}

interface Progress {
  rows: number;
  /** Large jobs that a text search did not search. */
  unsearched: number;
}

async function* exportChunks(
  ctx: Ctx,
  filter: JobFilter,
  format: ExportFormat,
  progress: Progress,
): AsyncGenerator<string, void, void> {
  if (format === 'csv') yield csvHeader(COLUMNS);
  let cursor: Cursor | null = null;
  do {
    const page: JobPage<ListedId> = await listJobIds(
      ctx,
      { ...filter, limit: EXPORT_CHUNK, cursor },
      { exact: true },
    );
    progress.unsearched += page.unsearched;
    const ids = page.rows.map((row) => row.id);
    for await (const rows of readJobs(ctx, ids)) {
      progress.rows += rows.length;
      yield await printRows(rows, format);
    }
    cursor = page.next;
  } while (cursor);
  if (progress.unsearched > 0) yield unsearchedNote(format, progress.unsearched);
}

async function printRows(rows: StoredJob[], format: ExportFormat): Promise<string> {
  const budget = newFullTextBudget();
  const printed: string[] = [];
  for (const row of rows) {
    const job = await redactJob(row, budget);
    printed.push(format === 'csv' ? csvLines([csvRecord(job)]) : ndjsonRecord(job));
    await budget.yieldIfDue();
  }
  return printed.join('');
}

/** Returns the last record of a file that is incomplete, because large jobs were not searched. */
function unsearchedNote(format: ExportFormat, count: number): string {
  return format === 'csv'
    ? csvLines([[`# ${count} larger jobs were not searched`]])
    : ndjsonLine([['larger_jobs_not_searched', scalar(count)]]);
}

/** Reads rows by primary key, in input order and in chunks of a bounded size. */
async function* readJobs(ctx: Ctx, ids: string[]): AsyncGenerator<StoredJob[], void, void> {
  for (let from = 0, size = FIRST_CHUNK; from < ids.length;) {
    const rows = await readChunk(ctx, ids.slice(from, from + size));
    if (rows.length > 0) yield rows;
    const last = rows.at(-1)?.n ?? size;
    const isCut = last < Math.min(size, ids.length - from) && rows.length > 0;
    from += isCut ? last : size;
    size = isCut ? Math.max(1, last) : Math.min(size * 2, EXPORT_CHUNK);
  }
}

/** Reads the first rows up to MAX_CHUNK_BYTES, at least one. */
async function readChunk(ctx: Ctx, ids: string[]): Promise<z.infer<typeof chunkRow>[]> {
  return ctx.db.read((tx) =>
    tx.query(
      chunkRow,
      sql`
        SELECT *
          FROM (
          SELECT s.*,
                 sum(${readBytes(sql`s`)}) OVER (ORDER BY s.n ROWS UNBOUNDED PRECEDING) AS total
            FROM (
            SELECT page.n::int AS n, j.id, ${stateOf} AS state, j.priority,
                   coalesce(j.executions_count, 0) AS attempts,
                   j.created_at, j.scheduled_at, j.performed_at, j.finished_at,
                   (${[...ERROR_EVENTS]}::text[])[j.error_event + 1] AS error_event,
                   j.batch_id, j.batch_callback_id,
                   ${storedTextColumns({ maxBytes: MAX_EXPORT_TEXT_BYTES, always: true })}
              FROM unnest(${ids}::uuid[]) WITH ORDINALITY AS page(id, n)
              JOIN ${ctx.tables.jobs} j ON j.id = page.id
            OFFSET 0) s) s
         WHERE s.n = 1 OR s.total <= ${MAX_CHUNK_BYTES}
         ORDER BY s.n`,
    ),
  );
}

/**
 * Redacts a job. An unread text is replaced by a note, so that it is not taken for an empty one.
 */
async function redactJob(row: StoredJob, budget: TextBudget): Promise<ExportedJob> {
  const texts = await redactTexts(row, { budget, withArguments: true });
  const { tooLarge } = texts;
  const isUnread = { arguments: row.arguments === '', labels: row.labels === null };
  const isErrorUnread = row.error === null && row.errorBytes !== null;
  return {
    id: row.id,
    state: row.state,
    job_class: texts.jobClass,
    queue_name: texts.queueName ?? (row.hasLargeName ? TOO_LARGE : null),
    priority: row.priority,
    labels: isUnread.labels ? [TOO_LARGE] : texts.labels,
    attempts: row.attempts,
    created_at: row.created_at,
    scheduled_at: row.scheduled_at,
    performed_at: row.performed_at,
    finished_at: row.finished_at,
    error: isErrorUnread ? tooLargeText(row.errorBytes) : texts.error,
    error_event: row.error_event,
    batch_id: row.batch_id,
    batch_callback_id: row.batch_callback_id,
    cron_key: texts.cronKey,
    concurrency_key: texts.concurrencyKey,
    json:
      isUnread.arguments || (tooLarge && !texts.arguments && row.arguments !== null)
        ? scalar(tooLargeText(null))
        : (texts.arguments ?? scalar(null)),
  };
}

const TOO_LARGE = '[too large to export]';
const tooLargeText = (bytes: number | null): string =>
  bytes === null ? TOO_LARGE : `[too large to export: ${bytes} bytes]`;

function ndjsonRecord({ labels, json, ...plain }: ExportedJob): string {
  const entries = Object.entries(plain).map(([key, value]): [string, Json] => [key, scalar(value)]);
  return ndjsonLine([
    ...entries,
    ['labels', { kind: 'array', items: labels.map((label) => scalar(label)) }],
    ['arguments', json],
  ]);
}

function csvRecord({ json, ...job }: ExportedJob): (string | number | null)[] {
  return COLUMNS.map((column) => {
    if (column === 'arguments') return compactJson(json);
    return column === 'labels' ? job.labels.join(', ') : job[column];
  });
}
