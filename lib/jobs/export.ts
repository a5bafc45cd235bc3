import 'server-only';
import sql from 'sql-template-tag';
import { recordRead } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { type Json, scalar } from '../core/json';
import { compactJson } from '../core/json-text';
import type { Cursor } from '../core/search-params';
import type { TextBudget } from '../core/steps';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { type JobState, stateOf } from '../good-job/states';
import {
  EXPORT_CHUNK,
  type ExportFormat,
  csvHead,
  csvLines,
  ndjsonLine,
} from '../http/export-format';
import { type JobFilter, jobFilterParams } from './filters';
import { listJobs } from './list';
import { resolveFilter } from './resolve-filter';
import { readBytes } from './rows';
import { type StoredTexts, newFullTextBudget, redactTexts, storedTextColumns } from './texts';
import type { JobPage } from './types';

/** In the order of the file's columns. Times are ISO 8601 UTC with microseconds. */
interface ExportedJob {
  id: string;
  state: JobState;
  job_class: string | null;
  queue_name: string | null;
  priority: number | null;
  labels: string[];
  attempts: number;
  created_at: string;
  scheduled_at: string | null;
  performed_at: string | null;
  finished_at: string | null;
  error: string | null;
  error_event: string | null;
  batch_id: string | null;
  batch_callback_id: string | null;
  cron_key: string | null;
  concurrency_key: string | null;
  /** The JSON text as it is stored. */
  arguments: string | null;
}

const COLUMNS: readonly (keyof ExportedJob)[] = [
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

/** The most of one text that an export prints; a larger one is replaced by a sentence with its size. */
const MAX_EXPORT_TEXT_BYTES = 256 * 1024;
/** Bytes of text that one statement reads. */
const MAX_CHUNK_BYTES = 2_000_000;
const FIRST_CHUNK = 50;

/**
 * The jobs of a filter as a file, in the list's order, a chunk of text at a time; each chunk is a short read of its
 * own, so a slow reader holds no transaction open. The filter must be understood (`isUnderstood`). When it ends, or its
 * reader leaves, who exported how many rows of which filter is recorded.
 */
export async function* exportJobs(
  ctx: Ctx,
  asked: JobFilter,
  format: ExportFormat,
): AsyncGenerator<string, void, void> {
  const { filter } = await ctx.db.read((tx) => resolveFilter(tx, ctx.tables, asked));
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
  /** Large jobs that a search in texts left out. */
  unsearched: number;
}

async function* exportChunks(
  ctx: Ctx,
  filter: JobFilter,
  format: ExportFormat,
  progress: Progress,
): AsyncGenerator<string, void, void> {
  if (format === 'csv') yield csvHead(COLUMNS);
  let cursor: Cursor | null = null;
  do {
    const page: JobPage = await listJobs(
      ctx,
      { ...filter, limit: EXPORT_CHUNK, cursor },
      { exact: true, idsOnly: true },
    );
    progress.unsearched += page.unsearched;
    const ids = page.rows.map((row) => row.id);
    for await (const rows of readJobs(ctx, ids)) {
      progress.rows += rows.length;
      yield await print(rows, format);
    }
    cursor = page.next;
  } while (cursor);
  if (progress.unsearched > 0) yield notSearched(format, progress.unsearched);
}

async function print(rows: StoredJob[], format: ExportFormat): Promise<string> {
  const budget = newFullTextBudget();
  const printed: string[] = [];
  for (const row of rows) {
    const job = await redactJob(row, budget);
    printed.push(format === 'csv' ? csvLines([csvRecord(job)]) : ndjsonRecord(job));
    await budget.yieldIfDue();
  }
  return printed.join('');
}

/** The last record of a file whose search left large jobs out: it must not pass for all of them. */
function notSearched(format: ExportFormat, count: number): string {
  return format === 'csv'
    ? csvLines([[`# ${count} larger jobs were not searched`]])
    : ndjsonLine([['larger_jobs_not_searched', scalar(count)]]);
}

type StoredJob = StoredTexts & Omit<ExportedJob, keyof RedactedColumns>;

/** The rows of these primary keys in their order, in chunks of a bounded size. */
async function* readJobs(ctx: Ctx, ids: string[]): AsyncGenerator<StoredJob[], void, void> {
  for (let from = 0, size = FIRST_CHUNK; from < ids.length;) {
    const rows = await readChunk(ctx, ids.slice(from, from + size));
    if (rows.length > 0) yield rows.map(({ n: _n, ...row }) => row);
    const last = rows.at(-1)?.n ?? size;
    const isCut = last < Math.min(size, ids.length - from) && rows.length > 0;
    from += isCut ? last : size;
    size = isCut ? Math.max(1, last) : Math.min(size * 2, EXPORT_CHUNK);
  }
}

/** As many of the first rows as MAX_CHUNK_BYTES allow, at least one. */
async function readChunk(ctx: Ctx, ids: string[]): Promise<(StoredJob & { n: number })[]> {
  return ctx.db.read((tx) =>
    tx.query<StoredJob & { n: number }>(sql`
      SELECT * FROM (
        SELECT s.*, sum(${readBytes(sql`s`)}) OVER (ORDER BY s.n ROWS UNBOUNDED PRECEDING) AS total FROM (
          SELECT page.n::int AS n, j.id, ${stateOf} AS state, j.priority, coalesce(j.executions_count, 0) AS attempts,
                 j.created_at, j.scheduled_at, j.performed_at, j.finished_at, (${[...ERROR_EVENTS]}::text[])[j.error_event + 1] AS error_event,
                 j.batch_id, j.batch_callback_id, ${storedTextColumns({ maxBytes: MAX_EXPORT_TEXT_BYTES, always: true })}
            FROM unnest(${ids}::uuid[]) WITH ORDINALITY AS page(id, n) JOIN ${ctx.tables.jobs} j ON j.id = page.id OFFSET 0) s) s
       WHERE s.n = 1 OR s.total <= ${MAX_CHUNK_BYTES} ORDER BY s.n`),
  );
}

type RedactedColumns = Pick<
  ExportedJob,
  'job_class' | 'queue_name' | 'labels' | 'error' | 'cron_key' | 'concurrency_key' | 'arguments'
>;

type PrintedJob = Omit<ExportedJob, 'arguments'> & { json: Json };

/** The job without what is hidden of it. A text that was not read is replaced by a sentence, and never empty. */
async function redactJob(row: StoredJob, budget: TextBudget): Promise<PrintedJob> {
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

function ndjsonRecord({ labels, json, ...plain }: PrintedJob): string {
  const entries = Object.entries(plain).map(([key, value]): [string, Json] => [key, scalar(value)]);
  return ndjsonLine([
    ...entries,
    ['labels', { kind: 'array', items: labels.map((label) => scalar(label)) }],
    ['arguments', json],
  ]);
}

function csvRecord({ json, ...job }: PrintedJob): (string | number | null)[] {
  return COLUMNS.map((column) => {
    if (column === 'arguments') return compactJson(json);
    return column === 'labels' ? job.labels.join(', ') : job[column];
  });
}
