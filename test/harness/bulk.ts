import { previewBulk } from '../../lib/bulk/preview';
import { workOn } from '../../lib/bulk/runner';
import { getRun } from '../../lib/bulk/runs';
import { type BulkStart, startBulk } from '../../lib/bulk/start';
import type { BulkAction, BulkRun, BulkTarget } from '../../lib/bulk/types';
import type { Ctx } from '../../lib/context/types';

export const discarded = (query = 'state=discarded'): BulkTarget => ({
  kind: 'filter',
  query,
  batchId: null,
});

/** Preview and start, confirmed as a reader would. */
export async function start(
  ctx: Ctx,
  action: BulkAction,
  target: BulkTarget,
  scheduledAt: string | null = null,
): Promise<string> {
  const preview = await previewBulk(ctx, action, target);
  const started: BulkStart = await startBulk(ctx, {
    action,
    target: preview.target,
    scheduledAt,
    cutOff: preview.cutOff,
    expected: preview.total,
    confirmedCount: preview.total.count,
  });
  if (started.kind !== 'started') throw new Error(`Not started: ${started.kind}`);
  return started.runId;
}

/** The run when this process no longer works on it. */
export async function settled(ctx: Ctx, runId: string): Promise<BulkRun> {
  await workOn(runId)?.ended;
  const run = await getRun(ctx, runId);
  if (!run) throw new Error('The run is gone.');
  return run;
}
