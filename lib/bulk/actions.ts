'use server';

import { z } from 'zod';
import {
  type BatchRetryResponse,
  type BatchRetryResult,
  retryBatchUnlessLarge,
} from '../batches/mutations';
import { isUuid } from '../core/text';
import {
  cutOffInput,
  textUpTo,
  timestampText,
  uuidText,
  type ActionResult,
  type FormFields,
  type WithReason,
  navigateTo,
  readForm,
  runAction,
} from '../http/server-action';
import { controlRun, requireBulk, startBulk } from './mutations';
import { isTargetUnderstood, previewBulk } from './preview';
import {
  BULK_ACTIONS,
  type BulkPreview,
  type BulkStart,
  CONTROLS,
  COUNT_KINDS,
  type ControlOutcome,
  MAX_SELECTED,
  parseEnteredCount,
} from './types';

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
const matchesTarget = (input: { action: string; target: { kind: string } }) =>
  (input.action === 'batch_retry') === (input.target.kind === 'batch');
const previewInput = z.strictObject(choice).refine(matchesTarget);
const startInput = z
  .strictObject({
    ...choice,
    /** ISO 8601 with an offset; null means now. */
    scheduledAt: timestampText.nullable(),
    cutOff: cutOffInput,
    expected: z.strictObject({ kind: z.enum(COUNT_KINDS), count }),
    confirmedCount: count.nullable(),
  })
  .refine(matchesTarget);
const batchInput = z.strictObject({ id: uuidText });
const controlInput = z.strictObject({ id: uuidText, control: z.enum(CONTROLS) });

/** Previews a bulk action; the value is null if a part of the filter cannot be parsed. */
export async function previewBulkAction(
  input: z.input<typeof previewInput>,
): Promise<ActionResult<BulkPreview | null>> {
  return runAction(
    previewInput,
    input,
    async (ctx, { action, target }) => {
      await requireBulk(ctx, action, target);
      return isTargetUnderstood(target) ? previewBulk(ctx, action, target) : null;
    },
    'previewBulk',
  );
}

/** Starts a run that was previewed and confirmed. */
export async function startBulkAction(
  input: z.input<typeof startInput> & WithReason,
): Promise<ActionResult<BulkStart>> {
  return runAction(startInput, input, startBulk, 'startBulk');
}

/** Pauses, resumes or cancels a run. */
export async function controlBulkAction(
  input: z.input<typeof controlInput>,
): Promise<ActionResult<ControlOutcome>> {
  return runAction(
    controlInput,
    input,
    (ctx, { id, control }) => controlRun(ctx, id, control),
    'controlBulk',
  );
}

/** `controlBulkAction` for the form of the run's page, without JavaScript. */
export async function submitBulkControl(formData: FormData): Promise<string> {
  const form = readForm(formData, ['id', 'control']);
  const id = form?.get('id') ?? null;
  const result = await runAction(
    controlInput,
    form && { id, control: form.get('control') },
    (ctx, input) => controlRun(ctx, input.id, input.control),
    'controlBulk',
  );
  const value = result.ok ? result.value : result.error;
  const outcome = value === 'done' ? null : value;
  const page = `/bulk/${id !== null && isUuid(id) ? id : ''}`;
  return navigateTo(
    outcome ? `${page}?${new URLSearchParams({ outcome })}` : page,
    result.ok ? null : result.error,
  );
}

/** Retries a batch, unless it is large: then nothing is changed. */
export async function retryBatchAction(
  input: z.input<typeof batchInput> & WithReason,
): Promise<ActionResult<BatchRetryResponse>> {
  return runAction(
    batchInput,
    input,
    (ctx, { id }) => retryBatchUnlessLarge(ctx, id),
    'retryBatch',
  );
}

/** `retryBatchAction` for the confirmation page's form, without JavaScript. */
export async function submitBatchRetry(formData: FormData): Promise<string> {
  const form = readForm(formData, ['id', 'reason', ...LARGE_RETRY_FIELDS]);
  const id = form?.get('id') ?? null;
  const page = `/batches/${id !== null && isUuid(id) ? id : ''}`;
  if (form?.get('expected') != null) return submitLargeRetry(form, page);
  const result = await runAction(
    batchInput,
    form && { id, reason: form.get('reason') },
    (ctx, input) => retryBatchUnlessLarge(ctx, input.id),
    'retryBatch',
  );
  if (!result.ok) {
    const params = new URLSearchParams({ did: 'batch_retry', outcome: result.error });
    return navigateTo(`${page}?${params}`, result.error);
  }
  if (result.value.outcome === 'large') return navigateTo(`${page}/retry`);
  return navigateTo(`${page}?${new URLSearchParams(retryResultParams(result.value))}`, null);
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
    startInput,
    {
      action: 'batch_retry',
      target: { kind: 'batch', batchId: form.get('id') },
      scheduledAt: null,
      cutOff: { at: form.get('cut_off_at'), txid: form.get('cut_off_txid') },
      expected: { kind: form.get('kind'), count: parseEnteredCount(form.get('expected') ?? '') },
      confirmedCount: form.get('confirmed_count')
        ? parseEnteredCount(form.get('confirmed_count') ?? '')
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

function retryResultParams(result: BatchRetryResult): Record<string, string> {
  const { code, outcome, retried, skippedCount } = result;
  return {
    did: 'batch_retry',
    outcome: code ?? outcome,
    retried: String(retried),
    skipped: String(skippedCount),
  };
}
