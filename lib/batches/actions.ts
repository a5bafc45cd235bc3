'use server';

import { redirect } from 'next/navigation';
import { z } from 'zod';
import { type ActionResult, runAction } from '../action';
import { isUuid } from '../text';
import { type BatchRetryResult, retryBatch as retry } from './mutations';

const input = z.object({ id: z.string().refine(isUuid) });

/** Batch retry; the door of the pages with JavaScript. */
export async function retryBatch(given: z.input<typeof input>): Promise<ActionResult<BatchRetryResult>> {
  return runAction(input, given, (ctx, { id }) => retry(ctx, id.toLowerCase()));
}

/** The same from the confirmation page's form, without JavaScript. */
export async function submitBatchRetry(form: FormData): Promise<void> {
  const id = form.get('id');
  const result = await runAction(input, { id }, (ctx, given) => retry(ctx, given.id.toLowerCase()));
  const params: Record<string, string> = result.ok
    ? { did: 'batch_retry', outcome: result.value.code ?? result.value.outcome, retried: String(result.value.retried), skipped: String(result.value.skippedCount) }
    : { did: 'batch_retry', outcome: result.error };
  redirect(`/batches/${typeof id === 'string' && isUuid(id) ? id : ''}?${new URLSearchParams(params)}`);
}
