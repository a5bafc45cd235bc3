'use server';

import { z } from 'zod';
import { type ActionResult, type WithReason, formOf, navigateTo, runAction } from '../action';
import { cutOffInput, textUpTo, timestampText, uuidText } from '../input';
import { isUuid } from '../text';
import type { BatchRetryResult } from '../batches/mutations';
import { type BatchRetryAnswer, retryBatchUnlessLarge } from './batch-retry';
import { CONTROLS, type ControlOutcome, controlRun } from './control';
import { previewBulk } from './preview';
import { type BulkStart, requireBulk, startBulk } from './start';
import { isReadable } from './target';
import { readNumber } from './typed-number';
import { BULK_ACTIONS, type BulkPreview, MAX_SELECTED } from './types';

const count = z.int().min(0);
const target = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ids'), ids: z.array(uuidText).min(1).max(MAX_SELECTED) }),
  z.strictObject({
    kind: z.literal('filter'),
    query: textUpTo(8_000),
    batchId: uuidText.nullable(),
  }),
  z.strictObject({ kind: z.literal('batch'), batchId: uuidText }),
]);
const choice = { action: z.enum(BULK_ACTIONS), target, reason: z.unknown().optional() };
const isForTarget = (given: { action: string; target: { kind: string } }) =>
  (given.action === 'batch_retry') === (given.target.kind === 'batch');
// A name that is not known may have been meant to narrow the target.
const chosen = z.strictObject(choice).refine(isForTarget);
const confirmed = z
  .strictObject({
    ...choice,
    /** ISO 8601 with its zone; null: now. */
    scheduledAt: timestampText.nullable(),
    cutOff: cutOffInput,
    expected: z.object({ kind: z.enum(['exact', 'at_least', 'estimate']), count }),
    typed: count.nullable(),
  })
  .refine(isForTarget);
const batch = z.object({ id: uuidText });
const control = z.object({ id: uuidText, control: z.enum(CONTROLS) });

/** What an action would do to the selected rows, or to all that a filter matches; null: the filter has a part that cannot be read. */
export async function previewBulkAction(
  given: z.input<typeof chosen>,
): Promise<ActionResult<BulkPreview | null>> {
  return runAction(
    chosen,
    given,
    async (ctx, { action, target }) => {
      await requireBulk(ctx, action, target);
      return isReadable(target) ? previewBulk(ctx, action, target) : null;
    },
    'previewBulk',
  );
}

/** Starts what was previewed and confirmed. */
export async function startBulkAction(
  given: z.input<typeof confirmed> & WithReason,
): Promise<ActionResult<BulkStart>> {
  return runAction(confirmed, given, startBulk, 'startBulk');
}

export async function controlBulkAction(
  given: z.input<typeof control>,
): Promise<ActionResult<ControlOutcome>> {
  return runAction(
    control,
    given,
    (ctx, input) => controlRun(ctx, input.id, input.control),
    'controlBulk',
  );
}

/** The same from the run's page without JavaScript. */
export async function submitBulkControl(sent: FormData): Promise<string> {
  const form = formOf(sent);
  const id = form.get('id');
  const result = await runAction(
    control,
    { id, control: form.get('control') },
    (ctx, input) => controlRun(ctx, input.id, input.control),
    'controlBulk',
  );
  const failed = !result.ok ? result.error : result.value === 'done' ? null : result.value;
  return navigateTo(
    `/bulk/${typeof id === 'string' && isUuid(id) ? id : ''}${failed ? `?${new URLSearchParams({ outcome: failed })}` : ''}`,
  );
}

/** Batch retry; of a large batch nothing is done yet. */
export async function retryBatchAction(
  given: z.input<typeof batch> & WithReason,
): Promise<ActionResult<BatchRetryAnswer>> {
  return runAction(batch, given, (ctx, { id }) => retryBatchUnlessLarge(ctx, id), 'retryBatch');
}

/** The same from the confirmation page's form, without JavaScript; of a large batch that page asks for the number. */
export async function submitBatchRetry(sent: FormData): Promise<string> {
  const form = formOf(sent);
  const text = (name: string) => String(form.get(name) ?? '');
  const id = text('id');
  const page = `/batches/${isUuid(id) ? id : ''}`;
  if (form.has('expected')) {
    const started = await startBulkAction({
      action: 'batch_retry',
      target: { kind: 'batch', batchId: id },
      scheduledAt: null,
      cutOff: { at: text('cut_off_at'), txid: text('cut_off_txid') },
      expected: { kind: text('kind') as 'exact', count: Number(text('expected')) },
      typed: text('typed') === '' ? null : readNumber(text('typed')),
      reason: text('reason'),
    });
    if (started.ok && started.value.kind === 'started')
      return navigateTo(`/bulk/${started.value.runId}`);
    const outcome = !started.ok
      ? started.error
      : started.value.kind === 'not_confirmed' && started.value.more !== undefined
        ? 'more'
        : started.value.kind;
    return navigateTo(`${page}/retry?${new URLSearchParams({ outcome })}`);
  }
  const result = await runAction(
    batch,
    { id, reason: text('reason') },
    (ctx, given) => retryBatchUnlessLarge(ctx, given.id),
    'retryBatch',
  );
  if (result.ok && result.value.outcome === 'large') return navigateTo(`${page}/retry`);
  return navigateTo(
    `${page}?${new URLSearchParams(didRetry(result as ActionResult<BatchRetryResult>))}`,
  );
}

function didRetry(result: ActionResult<BatchRetryResult>): Record<string, string> {
  if (!result.ok) return { did: 'batch_retry', outcome: result.error };
  const { code, outcome, retried, skippedCount } = result.value;
  return {
    did: 'batch_retry',
    outcome: code ?? outcome,
    retried: String(retried),
    skipped: String(skippedCount),
  };
}
