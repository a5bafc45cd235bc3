import 'server-only';
import sql from 'sql-template-tag';
import { type Ctx, type WriteTx, transaction } from '../ctx';
import { prettyJson } from '../good-job/json';
import { rawExecution, rawJob } from '../good-job/raw-rows';

/** What is revealed: a job's own payload, or that of one of its executions. */
export interface RevealTarget {
  jobId: string;
  executionId: string | null;
}

/**
 * The raw JSON with nothing hidden; null when there is no such row. That it was shown, to whom and why, is recorded
 * first, in the transaction that reads it: where that fails nothing is shown. Throws ConsoleError `forbidden` or
 * `read_only`: with READ_ONLY=1 nothing is written, so nothing is revealed either.
 */
export async function reveal(
  ctx: Ctx,
  { jobId, executionId }: RevealTarget,
): Promise<string | null> {
  const about = {
    targetType: 'job' as const,
    targetIds: [jobId],
    details: executionId ? { execution_id: executionId } : {},
  };
  const shown = async (tx: WriteTx) => {
    const [found] = executionId
      ? await tx.query(
          sql`SELECT 1 FROM ${ctx.gj.executions} e WHERE e.id = ${executionId} AND e.active_job_id = ${jobId}`,
        )
      : await tx.query(sql`SELECT 1 FROM ${ctx.gj.jobs} j WHERE j.id = ${jobId}`);
    if (!found) return null;
    await tx.audit({ ...about, counts: { done: 1 } });
    const json = executionId
      ? await rawExecution(tx, ctx.gj, executionId)
      : await rawJob(tx, ctx.gj, jobId);
    return json && prettyJson(json);
  };
  return transaction(ctx, 'argument.reveal', shown, about);
}
