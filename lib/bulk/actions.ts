'use server';

import { z } from 'zod';
import type { BatchRetryResult } from '../batches/mutations';
import { cutOffInput, textUpTo, timestampText, uuidText } from '../core/search-params';
import { isUuid } from '../core/text';
import {
  type ActionResult,
  type FormFields,
  type WithReason,
  navigateTo,
  readForm,
  runAction,
} from '../http/server-action';
import { CONTROLS, type ControlOutcome, controlRun } from './control';
import { previewBulk } from './preview';
import {
  type BatchRetryAnswer,
  type BulkStart,
  requireBulk,
  retryBatchUnlessLarge,
  startBulk,
} from './start';
import { isReadable } from './target';
import { BULK_ACTIONS, type BulkPreview, MAX_SELECTED, readNumber } from './types';

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
const choice = { action: z.enum(BULK_ACTIONS), target };
const isForTarget = (given: { action: string; target: { kind: string } }) =>
  (given.action === 'batch_retry') === (given.target.kind === 'batch');
const chosen = z.strictObject(choice).refine(isForTarget);
const confirmed = z
  .strictObject({
    ...choice,
    /** ISO 8601 with its zone; null: now. */
    scheduledAt: timestampText.nullable(),
    cutOff: cutOffInput,
    expected: z.strictObject({ kind: z.enum(['exact', 'at_least', 'estimate']), count }),
    confirmedCount: count.nullable(),
  })
  .refine(isForTarget);
const batch = z.strictObject({ id: uuidText });
const control = z.strictObject({ id: uuidText, control: z.enum(CONTROLS) });

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
  const form = readForm(sent, ['id', 'control']);
  const id = form?.get('id') ?? null;
  const result = await runAction(
    control,
    form && { id, control: form.get('control') },
    (ctx, input) => controlRun(ctx, input.id, input.control),
    'controlBulk',
  );
  const outcome = !result.ok ? result.error : result.value === 'done' ? null : result.value;
  const page = `/bulk/${id !== null && isUuid(id) ? id : ''}`;
  return navigateTo(
    outcome ? `${page}?${new URLSearchParams({ outcome })}` : page,
    result.ok ? null : result.error,
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
  const form = readForm(sent, ['id', 'reason', ...LARGE_RETRY_FIELDS]);
  const id = form?.get('id') ?? null;
  const page = `/batches/${id !== null && isUuid(id) ? id : ''}`;
  if (form?.get('expected') != null) return submitLargeRetry(form, page);
  const result = await runAction(
    batch,
    form && { id, reason: form.get('reason') },
    (ctx, given) => retryBatchUnlessLarge(ctx, given.id),
    'retryBatch',
  );
  if (result.ok && result.value.outcome === 'large') return navigateTo(`${page}/retry`);
  return navigateTo(
    `${page}?${new URLSearchParams(didRetry(result as ActionResult<BatchRetryResult>))}`,
    result.ok ? null : result.error,
  );
}

const LARGE_RETRY_FIELDS = [
  'cut_off_at',
  'cut_off_txid',
  'expected',
  'kind',
  'confirmed_count',
] as const;

async function submitLargeRetry(
  form: FormFields<'id' | 'reason' | (typeof LARGE_RETRY_FIELDS)[number]>,
  page: string,
): Promise<string> {
  const result = await runAction(
    confirmed,
    {
      action: 'batch_retry',
      target: { kind: 'batch', batchId: form.get('id') },
      scheduledAt: null,
      cutOff: { at: form.get('cut_off_at'), txid: form.get('cut_off_txid') },
      expected: { kind: form.get('kind'), count: readNumber(form.get('expected') ?? '') },
      confirmedCount: form.get('confirmed_count')
        ? readNumber(form.get('confirmed_count') ?? '')
        : null,
      reason: form.get('reason'),
    },
    startBulk,
    'startBulk',
  );
  if (!result.ok)
    return navigateTo(
      `${page}/retry?${new URLSearchParams({ outcome: result.error })}`,
      result.error,
    );
  if (result.value.kind === 'started') return navigateTo(`/bulk/${result.value.runId}`);
  const isMore = result.value.kind === 'not_confirmed' && result.value.more !== undefined;
  const outcome = isMore ? 'more' : result.value.kind;
  return navigateTo(`${page}/retry?${new URLSearchParams({ outcome })}`);
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
