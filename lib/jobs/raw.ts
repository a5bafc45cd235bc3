import 'server-only';
import { getTranslations } from 'next-intl/server';
import sql, { type Sql, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Attempt } from '../audit/recorder';
import { denial } from '../auth/roles';
import { auditedTransaction, recordFailure, type WriteTx } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { ConsoleError, statusOf } from '../core/errors';
import { type Json, memberOf, prettyJsonInSteps, stringOf } from '../core/json';
import type { Tx } from '../db/database';
import { MAX_FULL_TEXT_BYTES, limitedJson, maxStoredBytes } from '../db/text-limit';
import { type RawRow, jobIdOf, rawJson, readRawExecution, readRawJob } from '../good-job/raw-rows';
import { type Column, type GoodJobTables, quoteIdentifier } from '../good-job/tables';
import { uuidText, runAction } from '../http/server-action';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import type { RawText } from './types';

type RawTable = 'good_jobs' | 'good_job_executions';

/** Stands for the size of a value that is too large to be decompressed and measured. */
const UNMEASURED = 1_000_000_000;

/** Approximates the size of a jsonb value as text, if it is too large to print, by its memory. */
const bytesInMemory = (column: Sql) => sql`(
  SELECT CASE WHEN bytes > ${MAX_FULL_TEXT_BYTES}::int THEN bytes ELSE ${UNMEASURED} END
    FROM (SELECT pg_column_size(ARRAY[${column}]) AS bytes OFFSET 0) m)`;

/** Returns SQL for the bytes of a column as text. */
function columnBytes({ name, type }: Column): Sql {
  const column = raw(`r.${quoteIdentifier(name)}`);
  const exceedsLimit = sql`pg_column_size(${column}) > ${maxStoredBytes(MAX_FULL_TEXT_BYTES)}`;
  if (type === 'jsonb')
    return sql`coalesce(
      octet_length(${limitedJson(column, MAX_FULL_TEXT_BYTES)}),
      CASE WHEN ${column} IS NULL THEN 0
           WHEN ${exceedsLimit} THEN ${UNMEASURED}
           ELSE ${bytesInMemory(column)} END)::bigint`;
  let bytes = sql`2 * pg_column_size(${column})`;
  if (type.endsWith('[]')) bytes = sql`octet_length(array_to_string(${column}, ',', ''))`;
  else if (/^(json|text|character|varchar)/.test(type)) bytes = sql`octet_length(${column}::text)`;
  return sql`coalesce(CASE WHEN ${exceedsLimit} THEN ${UNMEASURED} ELSE ${bytes} END, 0)::bigint`;
}

const bytesRow = z.strictObject({ bytes: z.number() });
const existsRow = z.strictObject({ exists: z.literal(1) });

/**
 * Returns the bytes of a row as text, UNMEASURED or more if it is too large to measure; null if the
 * row does not exist.
 */
async function rawBytes(
  tx: Tx,
  tables: GoodJobTables,
  table: RawTable,
  id: string,
): Promise<number | null> {
  const columns = tables.schema.columns[table].map(columnBytes);
  const from = table === 'good_jobs' ? tables.jobs : tables.executions;
  const [row] = await tx.query(
    bytesRow,
    sql`SELECT (${join(columns, ' + ')})::float8 AS bytes FROM ${from} r WHERE r.id = ${id}`,
  );
  return row?.bytes ?? null;
}

/** Whether a row is too large to show. */
const isTooLarge = (bytes: number): boolean => bytes > MAX_FULL_TEXT_BYTES;

/** Returns the size of a row that is too large to show. */
const tooLargeResult = (bytes: number): RawText => ({
  tooLarge: bytes >= UNMEASURED ? null : bytes,
});

/**
 * Returns the redacted raw JSON of a job as GoodJob prints it, with `_good_job`; null if it does
 * not exist.
 */
export async function getRawJob(ctx: Ctx, id: string): Promise<RawText | null> {
  const result = await ctx.db.read(async (tx) => {
    const bytes = await rawBytes(tx, ctx.tables, 'good_jobs', id);
    if (bytes === null || isTooLarge(bytes)) return bytes;
    return readRawJob(tx, ctx.tables, id);
  });
  if (typeof result === 'number') return tooLargeResult(result);
  return result && printRedacted(result, null);
}

/**
 * Returns the redacted raw JSON of an execution, with `_good_job_execution`; null if it does not
 * exist. It may repeat secrets of its job, so it is not shown if the job is too large to read.
 */
export async function getRawExecution(ctx: Ctx, id: string): Promise<RawText | null> {
  const result = await ctx.db.read(async (tx) => {
    const bytes = await rawBytes(tx, ctx.tables, 'good_job_executions', id);
    if (bytes === null || isTooLarge(bytes)) return bytes;
    const execution = await readRawExecution(tx, ctx.tables, id);
    const jobId = execution && jobIdOf(execution);
    const jobBytes = jobId ? await rawBytes(tx, ctx.tables, 'good_jobs', jobId) : null;
    if (jobBytes !== null && isTooLarge(jobBytes)) return jobBytes;
    return { execution, job: jobId ? await readRawJob(tx, ctx.tables, jobId) : null };
  });
  if (typeof result === 'number') return tooLargeResult(result);
  return result?.execution ? printRedacted(result.execution, result.job) : null;
}

/** Redacts secrets of the job's own payload in its executions too. */
async function printRedacted(row: RawRow, jobRow: RawRow | null): Promise<RawText> {
  const secrets = new SecretRegistry();
  const rules = redaction();
  const job = jobRow && (await rawJson(jobRow));
  if (job) await rules.redactJsonInSteps(job, { kind: 'payload', jobClass: classOf(job), secrets });
  const json = await rawJson(row);
  const jobClass = classOf(json);
  const redacted = await rules.redactJsonInSteps(json, { kind: 'payload', jobClass, secrets });
  return { text: await prettyJsonInSteps(redacted) };
}

function classOf(json: Json): string | null {
  const own = memberOf(json, '_good_job') ?? memberOf(json, '_good_job_execution') ?? json;
  return stringOf(memberOf(json, 'job_class')) ?? stringOf(memberOf(own, 'job_class')) ?? null;
}

/** A job, or one of its executions, whose payload is revealed. */
interface RevealTarget {
  jobId: string;
  executionId: string | null;
}

/** Returns the audit record of a reveal. */
const revealAttempt = (
  { jobId, executionId }: RevealTarget,
  details: Record<string, string> = {},
) => ({
  targetType: 'job' as const,
  targetIds: [jobId],
  details: { ...(executionId ? { execution_id: executionId } : {}), ...details },
});

/**
 * Requires a reason for a reveal, whatever AUDIT_REASON is set to. Throws ConsoleError
 * `reason_required`, or the code of a denied permission, and records the failure in the audit log.
 */
async function requireReason(ctx: Ctx, attempt: Attempt): Promise<void> {
  if (ctx.reason?.trim()) return;
  const denied = denial(ctx.viewer, 'argument.reveal', ctx.readOnly);
  const error = new ConsoleError(denied ?? 'reason_required');
  await recordFailure(ctx, 'argument.reveal', attempt, error);
  throw error;
}

/**
 * Returns the raw JSON without redaction; null if the row does not exist. The audit record is
 * written first in the same transaction, so nothing is revealed without it. A row that is too large
 * is neither shown nor recorded.
 *
 * Throws ConsoleError `forbidden`, `reason_required` or `read_only` (READ_ONLY=1 allows no audit
 * record).
 */
export async function reveal(ctx: Ctx, target: RevealTarget): Promise<RawText | null> {
  const attempt = revealAttempt(target);
  await requireReason(ctx, attempt);
  const { jobId, executionId } = target;
  const read = async (tx: WriteTx): Promise<{ row: RawRow } | { large: RawText } | null> => {
    const [existing] = executionId
      ? await tx.query(
          existsRow,
          sql`
            SELECT 1 AS exists
              FROM ${ctx.tables.executions} e
             WHERE e.id = ${executionId} AND e.active_job_id = ${jobId}`,
        )
      : await tx.query(
          existsRow,
          sql`SELECT 1 AS exists FROM ${ctx.tables.jobs} j WHERE j.id = ${jobId}`,
        );
    if (!existing) return null;
    const bytes = executionId
      ? await rawBytes(tx, ctx.tables, 'good_job_executions', executionId)
      : await rawBytes(tx, ctx.tables, 'good_jobs', jobId);
    if (bytes === null) return null;
    if (isTooLarge(bytes)) return { large: tooLargeResult(bytes) };
    await tx.audit({ ...attempt, counts: { done: 1 } });
    const row = executionId
      ? await readRawExecution(tx, ctx.tables, executionId)
      : await readRawJob(tx, ctx.tables, jobId);
    return row && { row };
  };
  const result = await auditedTransaction(ctx, 'argument.reveal', read, attempt);
  if (!result) return null;
  if ('large' in result) return result.large;
  // Parsing and printing is slow, so it runs after the commit.
  return { text: await prettyJsonInSteps(await rawJson(result.row)) };
}

/** Texts of a job or an execution that can be downloaded without redaction. */
export const DOWNLOAD_PARTS = ['payload', 'error', 'backtrace'] as const;
type DownloadPart = (typeof DOWNLOAD_PARTS)[number];

/*
 * Downloads a text of any size without redaction, for users who may reveal. Postgres prints it once
 * and a cursor reads it in slices, so that neither side of the connection holds more than a few of
 * them.
 */

interface DownloadTarget {
  jobId: string;
  /** Null for the job itself, which has no backtrace. */
  executionId: string | null;
  part: DownloadPart;
}

const SLICE_BYTES = 256 * 1024;
/** Maximum number of concurrent downloads; each holds a connection of the pool. */
const MAX_DOWNLOADS = 2;
/** A download is cancelled if the client reads nothing for this long. */
const STALLED_MS = 30_000;
const FIRST_SLICE_MS = 60_000;
/** A longer download is cancelled, to free its connection. */
const MAX_DOWNLOAD_MS = 10 * 60_000;

let running = 0;

/**
 * Returns the text as a stream; null if the row or text does not exist. The audit record is
 * committed before the first byte is read. Throws ConsoleError `forbidden`, `read_only`,
 * `reason_required`, or `database_busy` with too many downloads.
 */
export async function downloadText(
  ctx: Ctx,
  target: DownloadTarget,
): Promise<ReadableStream<Uint8Array> | null> {
  const attempt = revealAttempt(target, { download: target.part });
  await requireReason(ctx, attempt);
  if (running >= MAX_DOWNLOADS) throw new ConsoleError('database_busy');
  running += 1;
  let isStreaming = false;
  try {
    const exists = await auditedTransaction(
      ctx,
      'argument.reveal',
      async (tx: WriteTx) => {
        const [row] = await tx.query(
          existsRow,
          sql`
            SELECT 1 AS exists
              FROM (${storedOf(ctx, target)}) t
             WHERE t.stored IS NOT NULL`,
        );
        if (row) await tx.audit({ ...attempt, counts: { done: 1 } });
        return row !== undefined;
      },
      attempt,
    );
    if (!exists) return null;
    isStreaming = true;
    return streamOf(ctx, textOf(ctx, target), () => {
      running -= 1;
    });
  } finally {
    if (!isStreaming) running -= 1;
  }
}

/** Selects the column as `stored`. */
function storedOf({ tables }: Ctx, { jobId, executionId, part }: DownloadTarget): Sql {
  if (executionId === null) {
    const columns: Record<DownloadPart, Sql> = {
      payload: sql`j.serialized_params`,
      error: sql`j.error`,
      backtrace: sql`NULL::text[]`,
    };
    return sql`SELECT ${columns[part]} AS stored FROM ${tables.jobs} j WHERE j.id = ${jobId}`;
  }
  const columns: Record<DownloadPart, Sql> = {
    payload: sql`e.serialized_params`,
    error: sql`e.error`,
    backtrace: sql`e.error_backtrace`,
  };
  return sql`
    SELECT ${columns[part]} AS stored
      FROM ${tables.executions} e
     WHERE e.id = ${executionId} AND e.active_job_id = ${jobId}`;
}

function textOf(ctx: Ctx, target: DownloadTarget): Sql {
  const text =
    target.part === 'backtrace' ? sql`array_to_string(s.stored, E'\\n')` : sql`s.stored::text`;
  return sql`SELECT ${text} AS text FROM (${storedOf(ctx, target)}) s`;
}

function streamOf(ctx: Ctx, text: Sql, onEnd: () => void): ReadableStream<Uint8Array> {
  const slices = new SliceChannel();
  const timeout = setTimeout(() => slices.cancel(), MAX_DOWNLOAD_MS);
  timeout.unref();
  void ctx.db
    .read((tx) => readSlices(tx, text, slices), { timeoutMs: FIRST_SLICE_MS })
    .then(
      () => slices.end(null),
      (error: unknown) => slices.end(error instanceof Error ? error : new Error(String(error))),
    )
    .finally(() => {
      clearTimeout(timeout);
      onEnd();
    });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const slice = await slices.take();
        if (slice) controller.enqueue(slice);
        else controller.close();
      },
      cancel: () => slices.cancel(),
    },
    { highWaterMark: 0 },
  );
}

/** Bytes in hex, after `\x`. */
const sliceRow = z.strictObject({ slice: z.string() });

/**
 * NO SCROLL keeps Postgres from materializing the result: the text is printed once, and each FETCH
 * returns a slice.
 */
async function readSlices(tx: Tx, text: Sql, slices: SliceChannel): Promise<void> {
  // `db.read` retries after a lost connection, but slices that were already sent cannot be
  // repeated.
  if (slices.hasBegun) throw new Error('The connection was lost during a download.');
  await tx.execute(sql`SET LOCAL idle_in_transaction_session_timeout = '60s'`);
  await tx.execute(sql`
    DECLARE download NO SCROLL CURSOR FOR
    SELECT substring(t.bytes FROM n * ${SLICE_BYTES}::int + 1 FOR ${SLICE_BYTES}::int) AS slice
      FROM (SELECT convert_to(t.text, 'UTF8') AS bytes
              FROM (${text}) t
            OFFSET 0) t,
           generate_series(0, (octet_length(t.bytes) - 1) / ${SLICE_BYTES}::int) n`);
  for (;;) {
    const [row] = await tx.query(sliceRow, sql`FETCH 1 FROM download`);
    if (!row || !(await slices.put(Buffer.from(row.slice.slice(2), 'hex')))) return;
  }
}

/** Passes slices from the reading transaction to the stream, one at a time. */
class SliceChannel {
  hasBegun = false;
  private slice: Uint8Array | null = null;
  private ended: { error: Error | null } | null = null;
  private onTaken: ((isWanted: boolean) => void) | null = null;
  private onSlice: (() => void) | null = null;

  /** Waits until the slice is taken. Returns false after the download was cancelled. */
  put(slice: Uint8Array): Promise<boolean> {
    if (this.ended) return Promise.resolve(false);
    this.hasBegun = true;
    this.slice = slice;
    this.onSlice?.();
    return new Promise((resolve) => {
      const stalled = setTimeout(() => this.cancel(), STALLED_MS);
      this.onTaken = (isWanted) => {
        clearTimeout(stalled);
        resolve(isWanted);
      };
    });
  }

  /** Waits for the next slice; null at the end. Throws the error of the reading transaction. */
  async take(): Promise<Uint8Array | null> {
    while (!this.slice && !this.ended)
      await new Promise<void>((resolve) => {
        this.onSlice = resolve;
      });
    const { slice } = this;
    if (!slice) {
      if (this.ended?.error) throw this.ended.error;
      return null;
    }
    this.slice = null;
    this.onTaken?.(true);
    return slice;
  }

  cancel(): void {
    this.slice = null;
    this.ended ??= { error: new Error('The download was cancelled.') };
    this.onTaken?.(false);
    this.onSlice?.();
  }

  end(error: Error | null): void {
    this.ended ??= { error };
    this.onSlice?.();
  }
}

const input = z.object({
  jobId: uuidText,
  executionId: z
    .literal('')
    .transform(() => null)
    .or(uuidText),
  part: z.enum(DOWNLOAD_PARTS),
});

/** Returns the response to the download form: a file, or an error message. */
export async function downloadResponse(jobId: string, request: Request): Promise<Response> {
  const form = await request.formData().catch(() => new FormData());
  const values = {
    jobId,
    executionId: form.get('execution') ?? '',
    part: form.get('part') ?? 'payload',
    reason: form.get('reason') ?? '',
  };
  const result = await runAction(input, values, downloadText, 'download');
  const t = await getTranslations();
  if (!result.ok) return textResponse(t(`errors.${result.error}`), statusOf(result.error));
  if (!result.value) return textResponse(t('reveal.missing'), 404);
  const isJson = values.part === 'payload';
  const name = isJson ? jobId.toLowerCase() : `${jobId.toLowerCase()}-${String(values.part)}`;
  const fileName = `good-job-${name}.${isJson ? 'json' : 'txt'}`;
  return new Response(result.value, {
    headers: {
      'Content-Type': isJson ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
      'Content-Disposition': `attachment; filename="${fileName}"`,
      'Cache-Control': 'no-store',
    },
  });
}

const textResponse = (text: string, status: number): Response =>
  new Response(`${text}\n`, {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  });
