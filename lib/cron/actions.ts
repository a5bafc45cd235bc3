'use server';

import { z } from 'zod';
import { nameText } from '../core/search-params';
import { isFilterText } from '../core/text';
import {
  type ActionResult,
  type WithReason,
  navigateTo,
  readForm,
  runAction,
} from '../http/server-action';
import { CRON_ACTIONS, type CronOutcome, changeCronKey } from './mutations';
import { configuredCron } from './overdue';

const input = z.strictObject({
  action: z.enum(CRON_ACTIONS),
  key: nameText.min(1).max(1000),
});

async function change(given: unknown): Promise<ActionResult<CronOutcome>> {
  return runAction(
    input,
    given,
    (ctx, { action, key }) => changeCronKey(ctx, action, key, configuredCron()),
    'changeCron',
  );
}

/** Enables, disables or enqueues a cron key; the door of the pages with JavaScript. */
export async function changeCron(
  given: z.input<typeof input> & WithReason,
): Promise<ActionResult<CronOutcome>> {
  return change(given);
}

/** The same from the confirmation page's form: answers with the entry's page and what became of it. */
export async function submitCron(sent: FormData): Promise<string> {
  const form = readForm(sent, ['action', 'key', 'reason']);
  const [action, key] = [form?.get('action'), form?.get('key')];
  const result = await change(form && { action, key, reason: form.get('reason') });
  const outcome = result.ok
    ? result.value.outcome === 'refused'
      ? result.value.code
      : result.value.outcome
    : result.error;
  const path =
    typeof key === 'string' && isFilterText(key) && outcome !== 'missing'
      ? `/cron_entries/${encodeURIComponent(key)}`
      : '/cron_entries';
  return navigateTo(
    `${path}?${new URLSearchParams({ did: String(action), outcome })}`,
    result.ok ? null : result.error,
  );
}
