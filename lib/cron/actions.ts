'use server';

import { z } from 'zod';
import { isFilterText } from '../core/text';
import {
  nameText,
  type ActionResult,
  type WithReason,
  navigateTo,
  readForm,
  runAction,
} from '../http/server-action';
import { CRON_ACTIONS, type CronOutcome, changeCronKey } from './mutations';
import { readCronConfiguration } from './queries';

const input = z.strictObject({
  action: z.enum(CRON_ACTIONS),
  key: nameText.min(1).max(1000),
});

async function runCronAction(request: unknown): Promise<ActionResult<CronOutcome>> {
  return runAction(
    input,
    request,
    (ctx, { action, key }) => changeCronKey(ctx, action, key, readCronConfiguration()),
    'changeCron',
  );
}

/** Enables, disables or enqueues a cron key and returns the outcome, for pages with JavaScript. */
export async function changeCron(
  request: z.input<typeof input> & WithReason,
): Promise<ActionResult<CronOutcome>> {
  return runCronAction(request);
}

/**
 * Runs the same action from the confirmation page's form, for pages without JavaScript. Returns
 * the URL of the entry's page with the action and its outcome in the query.
 */
export async function submitCron(formData: FormData): Promise<string> {
  const form = readForm(formData, ['action', 'key', 'reason']);
  const action = form?.get('action');
  const key = form?.get('key');
  const result = await runCronAction(form && { action, key, reason: form.get('reason') });
  const outcome = outcomeCode(result);
  const path =
    typeof key === 'string' && isFilterText(key) && outcome !== 'missing'
      ? `/cron_entries/${encodeURIComponent(key)}`
      : '/cron_entries';
  return navigateTo(
    `${path}?${new URLSearchParams({ did: String(action), outcome })}`,
    result.ok ? null : result.error,
  );
}

function outcomeCode(result: ActionResult<CronOutcome>): string {
  if (!result.ok) return result.error;
  return result.value.outcome === 'refused' ? result.value.code : result.value.outcome;
}
