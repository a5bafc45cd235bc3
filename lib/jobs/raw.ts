import 'server-only';
import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Attempt } from '../audit/attempts';
import { denial } from '../auth/roles';
import { type WriteTx, recordFailure, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { type Json, get, stringOf } from '../core/json';
import { prettyJsonInSteps } from '../core/json-text';
import type { Tx } from '../db/database';
import { MAX_FULL_TEXT_BYTES, limitedJson, maxStoredBytes } from '../db/text-limit';
import { type RawRow, jobIdOf, rawJson, readRawExecution, readRawJob } from '../good-job/raw-rows';
import type { Column } from '../good-job/schema';
import { type GoodJobTables, quoteIdentifier } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import type { RawText } from './types';

type RawTable = 'good_jobs' | 'good_job_executions';

/** A size that is certainly too large, for what is not decompressed to be measured. */
const UNMEASURED = 1_000_000_000;

/** Of a jsonb value that is too large to be printed: about as many as its text has, unless its numbers are long. */
const bytesInMemory = (column: Sql) =>
  sql`(SELECT CASE WHEN bytes > ${MAX_FULL_TEXT_BYTES}::int THEN bytes ELSE ${UNMEASURED} END FROM (SELECT pg_column_size(ARRAY[${column}]) AS bytes OFFSET 0) m)`;

/** Bytes of one column as text. */
function columnBytes({ name, type }: Column): Sql {
  const column = raw(`r.${quoteIdentifier(name)}`);
  const limits = sql`pg_column_size(${column}) > ${maxStoredBytes(MAX_FULL_TEXT_BYTES)}`;
  if (type === 'jsonb')
    return sql`coalesce(octet_length(${limitedJson(column, MAX_FULL_TEXT_BYTES)}), CASE WHEN ${column} IS NULL THEN 0 WHEN ${limits} THEN ${UNMEASURED} ELSE ${bytesInMemory(column)} END)::bigint`;
  const bytes = type.endsWith('[]')
    ? sql`octet_length(array_to_string(${column}, ',', ''))`
    : /^(json|text|character|varchar)/.test(type)
      ? sql`octet_length(${column}::text)`
      : sql`2 * pg_column_size(${column})`;
  return sql`coalesce(CASE WHEN ${limits} THEN ${UNMEASURED} ELSE ${bytes} END, 0)::bigint`;
}

/** Bytes of the row as text; null: there is no such row. UNMEASURED or more: not decompressed to be measured. */
export async function rawBytes(
  tx: Tx,
  tables: GoodJobTables,
  table: RawTable,
  id: string,
): Promise<number | null> {
  const columns = tables.schema.columns[table].map(columnBytes);
  const from = table === 'good_jobs' ? tables.jobs : tables.executions;
  const [row] = await tx.query<{ bytes: number }>(
    sql`SELECT (${join(columns, ' + ')})::float8 AS bytes FROM ${from} r WHERE r.id = ${id}`,
  );
  return row?.bytes ?? null;
}

export const isTooLarge = (bytes: number): boolean => bytes > MAX_FULL_TEXT_BYTES;
export const tooLargeText = (bytes: number): RawText => ({
  tooLarge: bytes >= UNMEASURED ? null : bytes,
});

/** A job's raw JSON as GoodJob prints it, with `_good_job`; null when there is none. */
export async function getRawJob(ctx: Ctx, id: string): Promise<RawText | null> {
  const read = await ctx.db.read(async (tx) => {
    const bytes = await rawBytes(tx, ctx.tables, 'good_jobs', id);
    if (bytes === null || isTooLarge(bytes)) return bytes;
    return readRawJob(tx, ctx.tables, id);
  });
  if (typeof read === 'number') return tooLargeText(read);
  return read && printRedacted(read, null);
}

/**
 * An execution's raw JSON, with `_good_job_execution`; null when there is none. It may repeat what its job hides, so it
 * is too large to be shown when the job is.
 */
export async function getRawExecution(ctx: Ctx, id: string): Promise<RawText | null> {
  const read = await ctx.db.read(async (tx) => {
    const bytes = await rawBytes(tx, ctx.tables, 'good_job_executions', id);
    if (bytes === null || isTooLarge(bytes)) return bytes;
    const execution = await readRawExecution(tx, ctx.tables, id);
    const jobId = execution && jobIdOf(execution);
    const jobBytes = jobId ? await rawBytes(tx, ctx.tables, 'good_jobs', jobId) : null;
    if (jobBytes !== null && isTooLarge(jobBytes)) return jobBytes;
    return { execution, job: jobId ? await readRawJob(tx, ctx.tables, jobId) : null };
  });
  if (typeof read === 'number') return tooLargeText(read);
  return read?.execution ? printRedacted(read.execution, read.job) : null;
}

/** What the job's own payload hides is hidden in its executions too. */
async function printRedacted(row: RawRow, jobRow: RawRow | null): Promise<RawText> {
  const secrets = new SecretRegistry();
  const rules = redaction();
  const job = jobRow && (await rawJson(jobRow));
  if (job) await rules.redactJsonInSteps(job, { of: 'payload', jobClass: classOf(job), secrets });
  const json = await rawJson(row);
  const jobClass = classOf(json);
  const redacted = await rules.redactJsonInSteps(json, { of: 'payload', jobClass, secrets });
  return { text: await prettyJsonInSteps(redacted) };
}

function classOf(json: Json): string | null {
  const own = get(json, '_good_job') ?? get(json, '_good_job_execution') ?? json;
  return stringOf(get(json, 'job_class')) ?? stringOf(get(own, 'job_class')) ?? null;
}

/** What is revealed: a job's own payload, or that of one of its executions. */
export interface RevealTarget {
  jobId: string;
  executionId: string | null;
}

/** What the audit says of a reveal. */
export const revealAttempt = (
  { jobId, executionId }: RevealTarget,
  details: Record<string, string> = {},
) => ({
  targetType: 'job' as const,
  targetIds: [jobId],
  details: { ...(executionId ? { execution_id: executionId } : {}), ...details },
});

/** Whatever AUDIT_REASON says, nothing is revealed without a reason. Throws ConsoleError, on record. */
export async function requireReason(ctx: Ctx, attempt: Attempt): Promise<void> {
  if (ctx.reason?.trim()) return;
  const denied = denial(ctx.viewer, 'argument.reveal', ctx.readOnly);
  const error = new ConsoleError(denied ?? 'reason_required');
  await recordFailure(ctx, 'argument.reveal', attempt, error);
  throw error;
}

/**
 * The raw JSON with nothing hidden; null when there is no such row. That it was shown, to whom and why, is recorded
 * first, in the transaction that reads it: where that fails nothing is shown. What is too large is not shown, and not
 * recorded. Throws ConsoleError `forbidden`, `read_only` or `reason_required`: with READ_ONLY=1 nothing is written, so
 * nothing is revealed either.
 */
export async function reveal(ctx: Ctx, target: RevealTarget): Promise<RawText | null> {
  const attempt = revealAttempt(target);
  await requireReason(ctx, attempt);
  const { jobId, executionId } = target;
  const read = async (tx: WriteTx): Promise<{ row: RawRow } | { large: RawText } | null> => {
    const [found] = executionId
      ? await tx.query(
          sql`SELECT 1 FROM ${ctx.tables.executions} e WHERE e.id = ${executionId} AND e.active_job_id = ${jobId}`,
        )
      : await tx.query(sql`SELECT 1 FROM ${ctx.tables.jobs} j WHERE j.id = ${jobId}`);
    if (!found) return null;
    const bytes = executionId
      ? await rawBytes(tx, ctx.tables, 'good_job_executions', executionId)
      : await rawBytes(tx, ctx.tables, 'good_jobs', jobId);
    if (bytes === null) return null;
    if (isTooLarge(bytes)) return { large: tooLargeText(bytes) };
    await tx.audit({ ...attempt, counts: { done: 1 } });
    const row = executionId
      ? await readRawExecution(tx, ctx.tables, executionId)
      : await readRawJob(tx, ctx.tables, jobId);
    return row && { row };
  };
  const found = await auditedTransaction(ctx, 'argument.reveal', read, attempt);
  if (!found) return null;
  if ('large' in found) return found.large;
  // Parsed and printed after the commit: no transaction waits for it.
  return { text: await prettyJsonInSteps(await rawJson(found.row)) };
}
