'use server';

import { getTimeZone, getTranslations } from 'next-intl/server';
import { z } from 'zod';
import { isPastMinute, zonedToUtc } from '../core/locale';
import { isUuid } from '../core/text';
import { JOB_ACTIONS, type Outcome } from '../good-job/types';
import {
  textUpTo,
  timestampText,
  uuidText,
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
  /** ISO 8601 with an offset; null or absent means now. */
  scheduledAt: timestampText.nullish(),
});

async function change(values: unknown): Promise<ActionResult<Outcome>> {
  return runAction(
    input,
    values,
    async (ctx, { action, id, scheduledAt }) => {
      const [outcome] = await changeJobs(ctx, action, [id], { scheduledAt });
      return outcome ?? { id, outcome: 'missing' };
    },
    'changeJob',
  );
}

/** Applies an action to a job, for pages with JavaScript. */
export async function changeJob(
  values: z.input<typeof input> & WithReason,
): Promise<ActionResult<Outcome>> {
  return change(values);
}

/**
 * Applies an action from the confirmation form, without JavaScript, and navigates to a page with
 * the outcome.
 */
export async function submitJobAction(formData: FormData): Promise<string> {
  const form = readForm(formData, ['action', 'id', 'when', 'at', 'past', 'reason']);
  const action = form?.get('action') ?? null;
  const id = form?.get('id') ?? null;
  const pageOf = (outcome: string, isDestroyed = false) => {
    const path = id !== null && isUuid(id) && !isDestroyed ? `/jobs/${id}` : '/jobs';
    return `${path}?${new URLSearchParams({ did: String(action), outcome })}`;
  };
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
  const isDestroyed = outcome === 'missing' || (outcome === 'done' && action === 'destroy');
  return navigateTo(pageOf(outcome === 'refused' ? result.value.code : outcome, isDestroyed));
}

const revealInput = z.strictObject({
  jobId: uuidText,
  executionId: z
    .literal('')
    .transform(() => null)
    .or(uuidText),
});

const stateText = textUpTo(1_000_000);
const previousState = z
  .union([z.strictObject({ text: stateText }), z.strictObject({ problem: stateText })])
  .nullable();

/**
 * The revealed JSON, or an error message. It is only part of the response: never of a URL, a cache
 * or a log.
 */
export type RevealResponse = { text: string } | { problem: string };

/** Reveals the raw JSON of a job or an execution, for a form with or without JavaScript. */
export async function revealAction(
  previous: RevealResponse | null,
  formData: FormData,
): Promise<RevealResponse> {
  const form = readForm(formData, ['job', 'execution', 'reason']);
  const isReadable = form !== null && previousState.safeParse(previous).success;
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
