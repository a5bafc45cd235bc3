'use server';

import { getTimeZone, getTranslations } from 'next-intl/server';
import { z } from 'zod';
import { isPastMinute, zonedToUtc } from '../core/locale';
import { textUpTo, timestampText, uuidText } from '../core/search-params';
import { isUuid } from '../core/text';
import { JOB_ACTIONS } from '../good-job/actions';
import type { Outcome } from '../good-job/outcomes';
import {
  type ActionResult,
  type WithReason,
  navigateTo,
  readForm,
  runAction,
} from '../http/server-action';
import { changeJobs } from './mutations';
import { reveal } from './raw';

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

const revealInput = z.strictObject({
  jobId: uuidText,
  executionId: z
    .literal('')
    .transform(() => null)
    .or(uuidText),
});

const stateText = textUpTo(1_000_000);
const before = z
  .union([z.strictObject({ text: stateText }), z.strictObject({ problem: stateText })])
  .nullable();

/** The revealed JSON, or a sentence why there is none. It is in this answer alone: in no address, no cache and no log. */
export type Revealed = { text: string } | { problem: string };

/** For the form, with and without JavaScript. */
export async function revealAction(given: Revealed | null, sent: FormData): Promise<Revealed> {
  const form = readForm(sent, ['job', 'execution', 'reason']);
  const isReadable = form !== null && before.safeParse(given).success;
  const result = await runAction(
    revealInput,
    isReadable && {
      jobId: form.get('job'),
      executionId: form.get('execution') ?? '',
      reason: form.get('reason') ?? '',
    },
    reveal,
    'reveal',
  );
  if (result.ok && result.value && 'text' in result.value) return result.value;
  const t = await getTranslations();
  if (result.ok && result.value) return { problem: (await getTranslations('reveal'))('tooLarge') };
  return { problem: result.ok ? t('reveal.missing') : t(`errors.${result.error}`) };
}
