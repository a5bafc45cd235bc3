import 'server-only';
import sql from 'sql-template-tag';
import type { Attempt } from '../audit/attempts';
import { denial } from '../auth/permissions';
import { type Ctx, type WriteTx, recordAttempt, transaction } from '../ctx';
import { ConsoleError } from '../errors';
import { prettyJsonInSteps } from '../good-job/json';
import { type RawRow, rawJson, readRawExecution, readRawJob } from '../good-job/raw-rows';
import { isTooLarge, rawBytes, tooLargeText } from './raw';
import type { RawText } from './types';

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
  await recordAttempt(ctx, 'argument.reveal', attempt, error);
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
          sql`SELECT 1 FROM ${ctx.gj.executions} e WHERE e.id = ${executionId} AND e.active_job_id = ${jobId}`,
        )
      : await tx.query(sql`SELECT 1 FROM ${ctx.gj.jobs} j WHERE j.id = ${jobId}`);
    if (!found) return null;
    const bytes = executionId
      ? await rawBytes(tx, ctx.gj, 'good_job_executions', executionId)
      : await rawBytes(tx, ctx.gj, 'good_jobs', jobId);
    if (bytes === null) return null;
    if (isTooLarge(bytes)) return { large: tooLargeText(bytes) };
    await tx.audit({ ...attempt, counts: { done: 1 } });
    const row = executionId
      ? await readRawExecution(tx, ctx.gj, executionId)
      : await readRawJob(tx, ctx.gj, jobId);
    return row && { row };
  };
  const found = await transaction(ctx, 'argument.reveal', read, attempt);
  if (!found) return null;
  if ('large' in found) return found.large;
  // Parsed and printed after the commit: no transaction waits for it.
  return { text: await prettyJsonInSteps(await rawJson(found.row)) };
}
