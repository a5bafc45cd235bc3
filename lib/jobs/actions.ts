'use server';

import { getTimeZone } from 'next-intl/server';
import { z } from 'zod';
import { type ActionResult, type WithReason, formOf, navigateTo, runAction } from '../action';
import { JOB_ACTIONS } from '../good-job/actions';
import type { Outcome } from '../good-job/outcomes';
import { isPastMinute, zonedToUtc } from '../i18n/zoned-time';
import { timestampText, uuidText } from '../input';
import { isUuid } from '../text';
import { changeJobs } from './mutations';

const input = z.object({
  action: z.enum(JOB_ACTIONS),
  id: uuidText,
  /** ISO 8601 with its zone; absent or null: now. */
  scheduledAt: timestampText.nullish(),
});

async function change(given: unknown): Promise<ActionResult<Outcome>> {
  return runAction(
    input,
    given,
    async (ctx, { action, id, scheduledAt }) => {
      const [outcome] = await changeJobs(ctx, action, [id], { scheduledAt });
      return outcome ?? { id, outcome: 'missing' };
    },
    'changeJob',
  );
}

/** One action on one job; the door of the pages with JavaScript. */
export async function changeJob(
  given: z.input<typeof input> & WithReason,
): Promise<ActionResult<Outcome>> {
  return change(given);
}

/** The same from the confirmation page's form, without JavaScript: answers with the job's page and what became of it. */
export async function submitJobAction(sent: FormData): Promise<string> {
  const form = formOf(sent);
  const scheduledAt =
    form.get('when') === 'at'
      ? (zonedToUtc(String(form.get('at')), await getTimeZone()) ?? 'unreadable')
      : null;
  const action = form.get('action');
  const id = form.get('id');
  const isConfirmed = form.get('past') === scheduledAt;
  if (
    action === 'reschedule' &&
    typeof id === 'string' &&
    isUuid(id) &&
    scheduledAt !== null &&
    isPastMinute(scheduledAt, Date.now()) &&
    !isConfirmed
  )
    return navigateTo(`/jobs/${id}/reschedule?${new URLSearchParams({ past: scheduledAt })}`);
  const result = await change({ action, id, scheduledAt, reason: form.get('reason') });
  const outcome = result.ok
    ? result.value.outcome === 'refused'
      ? result.value.code
      : result.value.outcome
    : result.error;
  const gone =
    result.ok &&
    (result.value.outcome === 'missing' ||
      (result.value.outcome === 'done' && action === 'destroy'));
  const path = typeof id === 'string' && isUuid(id) && !gone ? `/jobs/${id}` : '/jobs';
  return navigateTo(`${path}?${new URLSearchParams({ did: String(action), outcome })}`);
}
