import 'server-only';
import sql from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { EXPORT_CHUNK, type ExportFormat, csvHead, csvLines, ndjsonLine } from '../export';
import { type Json, compactJson, parseJson, scalar } from '../good-job/json';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { type JobState, stateOf } from '../good-job/states';
import type { Cursor } from '../paging';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import type { JobFilter } from './filters';
import { listJobs } from './job-list';
import { settle } from './settle';

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

/**
 * The jobs of a filter as a file, in the list's order, a chunk of text at a time; each chunk is a short read of its
 * own, so a slow reader holds no transaction open. The filter must be understood (`isUnderstood`).
 */
export async function* exportJobs(
  ctx: Ctx,
  asked: JobFilter,
  format: ExportFormat,
): AsyncGenerator<string, void, void> {
  const { filter } = await ctx.db.read((tx) => settle(tx, ctx.gj, asked));
  if (format === 'csv') yield csvHead(COLUMNS);
  let cursor: Cursor | null = null;
  do {
    const page: { rows: { id: string }[]; next: Cursor | null } = await listJobs(
      ctx,
      { ...filter, limit: EXPORT_CHUNK, cursor },
      { exact: true },
    );
    const ids = page.rows.map((row) => row.id);
    if (ids.length > 0) {
      const rows = await readJobs(ctx, ids);
      yield format === 'csv' ? csvLines(rows.map(csvRecord)) : rows.map(ndjsonRecord).join('');
    }
    cursor = page.next;
  } while (cursor);
}

/** The rows of one chunk by their primary keys, in the chunk's order. */
async function readJobs(ctx: Ctx, ids: string[]): Promise<ExportedJob[]> {
  return ctx.db.read((tx) =>
    tx.query<ExportedJob>(sql`
      SELECT j.id, ${stateOf} AS state, j.job_class, j.queue_name, j.priority, coalesce(j.labels, '{}') AS labels, coalesce(j.executions_count, 0) AS attempts,
             j.created_at, j.scheduled_at, j.performed_at, j.finished_at, j.error, (${[...ERROR_EVENTS]}::text[])[j.error_event + 1] AS error_event,
             j.batch_id, j.batch_callback_id, j.cron_key, j.concurrency_key, (j.serialized_params -> 'arguments')::text AS arguments
        FROM unnest(${ids}::uuid[]) WITH ORDINALITY AS page(id, n) JOIN ${ctx.gj.jobs} j ON j.id = page.id ORDER BY page.n`),
  );
}

/** The job without what is hidden of it. */
function shown(job: ExportedJob): ExportedJob & { json: Json } {
  const rules = redaction();
  const secrets = new SecretRegistry();
  const json = rules.redactJson(parseJson(job.arguments ?? 'null'), {
    of: 'arguments',
    jobClass: job.job_class,
    secrets,
  });
  const text = (given: string | null) => given && rules.redactText(given, secrets);
  const { job_class, queue_name, error, cron_key, concurrency_key, labels } = job;
  return {
    ...job,
    json,
    job_class: job_class && rules.redactText(job_class),
    queue_name: text(queue_name),
    error: error && rules.redactText(error, secrets),
    cron_key: text(cron_key),
    concurrency_key: text(concurrency_key),
    labels: labels.map((label) => rules.redactText(label, secrets)),
  };
}

function ndjsonRecord(job: ExportedJob): string {
  const { arguments: _stored, labels, json, ...plain } = shown(job);
  const entries = Object.entries(plain).map(([key, value]): [string, ReturnType<typeof scalar>] => [
    key,
    scalar(value),
  ]);
  return ndjsonLine([
    ...entries,
    ['labels', { kind: 'array', items: labels.map(scalar) }],
    ['arguments', json],
  ]);
}

function csvRecord(stored: ExportedJob): (string | number | null)[] {
  const { json, ...job } = shown(stored);
  return COLUMNS.map((column) => {
    if (column === 'arguments') return compactJson(json);
    return column === 'labels' ? job.labels.join(', ') : (job[column] as string | number | null);
  });
}
