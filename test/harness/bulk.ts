import { startBulk } from '../../lib/bulk/mutations';
import { previewBulk } from '../../lib/bulk/preview';
import { getActiveRun } from '../../lib/bulk/runner';
import { getRun } from '../../lib/bulk/runs';
import type { BulkAction, BulkRun, BulkStart, BulkTarget } from '../../lib/bulk/types';
import type { Ctx } from '../../lib/context/request-context';

export const discardedTarget = (query = 'state=discarded'): BulkTarget => ({
  kind: 'filter',
  query,
  batchId: null,
});

/** Previews and starts a bulk run with the confirmed count. */
export async function startRun(
  ctx: Ctx,
  action: BulkAction,
  target: BulkTarget,
  scheduledAt: string | null = null,
): Promise<string> {
  const preview = await previewBulk(ctx, action, target);
  const result: BulkStart = await startBulk(ctx, {
    action,
    target: preview.target,
    scheduledAt,
    cutOff: preview.cutOff,
    expected: preview.total,
    confirmedCount: preview.total.count,
  });
  if (result.kind !== 'started') throw new Error(`The run did not start: ${result.kind}`);
  return result.runId;
}

/** Waits until this process has finished working on the run, and returns it. */
export async function waitForRun(ctx: Ctx, runId: string): Promise<BulkRun> {
  await getActiveRun(runId)?.ended;
  const run = await getRun(ctx, runId);
  if (!run) throw new Error('The run does not exist.');
  return run;
}
