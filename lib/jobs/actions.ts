'use server';

import { getTimeZone } from 'next-intl/server';
import { z } from 'zod';
import { type ActionResult, type WithReason, navigateTo, readForm, runAction } from '../action';
import { JOB_ACTIONS } from '../good-job/actions';
import type { Outcome } from '../good-job/outcomes';
import { isPastMinute, zonedToUtc } from '../i18n/zoned-time';
import { timestampText, uuidText } from '../input';
import { isUuid } from '../text';
import { changeJobs } from './mutations';

const input = z.strictObject({
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
  const form = readForm(sent, ['action', 'id', 'when', 'at', 'past', 'reason']);
  const action = form?.get('action') ?? null;
  const id = form?.get('id') ?? null;
  const pageOf = (outcome: string, isGone = false) =>
    `${id !== null && isUuid(id) && !isGone ? `/jobs/${id}` : '/jobs'}?${new URLSearchParams({ did: String(action), outcome })}`;
  const scheduledAt =
    form?.get('when') === 'at' ? zonedToUtc(form.get('at') ?? '', await getTimeZone()) : null;
  if (form?.get('when') === 'at' && !scheduledAt) return navigateTo(pageOf('bad_time'));
  if (
    action === 'reschedule' &&
    id !== null &&
    isUuid(id) &&
    scheduledAt !== null &&
    isPastMinute(scheduledAt, Date.now()) &&
    form?.get('past') !== scheduledAt
  )
    return navigateTo(`/jobs/${id}/reschedule?${new URLSearchParams({ past: scheduledAt })}`);
  const result = await change(form && { action, id, scheduledAt, reason: form.get('reason') });
  if (!result.ok) return navigateTo(pageOf(result.error), result.error);
  const { outcome } = result.value;
  const isGone = outcome === 'missing' || (outcome === 'done' && action === 'destroy');
  return navigateTo(pageOf(outcome === 'refused' ? result.value.code : outcome, isGone));
}
