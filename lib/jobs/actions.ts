'use server';

import { getTimeZone, getTranslations } from 'next-intl/server';
import { z } from 'zod';
import { isPastMinute, presetTime, zonedToUtc } from '../core/locale';
import { isUuid } from '../core/text';
import { JOB_ACTIONS, type Outcome, UNDOABLE_ACTIONS } from '../good-job/types';
import {
  type ActionResult,
  type WithReason,
  bigintText,
  navigateTo,
  readForm,
  runAction,
  textUpTo,
  timestampText,
  uuidText,
} from '../http/server-action';
import { changeJobs, undoChange } from './mutations';
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
  const pageOf = (outcome: string, more: Record<string, string> = {}, isDestroyed = false) => {
    const path = id !== null && isUuid(id) && !isDestroyed ? `/jobs/${id}` : '/jobs';
    return `${path}?${new URLSearchParams({ did: String(action), outcome, ...more })}`;
  };
  const when = form?.get('when') ?? 'now';
  const scheduledAt = await scheduledTime(when, form?.get('at') ?? '');
  if (when !== 'now' && !scheduledAt) return navigateTo(pageOf('bad_time'));
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
  return navigateTo(
    pageOf(
      outcome === 'refused' ? result.value.code : outcome,
      {
        ...(outcome === 'done' && scheduledAt ? { at: scheduledAt } : {}),
        ...(outcome === 'done' && result.value.undoId ? { undo: result.value.undoId } : {}),
      },
      isDestroyed,
    ),
  );
}

/** The chosen time of a reschedule form in the viewer's zone; null for now or an invalid time. */
async function scheduledTime(when: string, at: string): Promise<string | null> {
  if (when === 'now') return null;
  const zone = await getTimeZone();
  return when === 'at' ? zonedToUtc(at, zone) : presetTime(when, Date.now(), zone);
}

const undoInput = z.strictObject({
  /** The action that is undone. */
  action: z.enum(UNDOABLE_ACTIONS),
  id: uuidText,
  /** The audit record of the action. */
  undoId: bigintText,
});

async function undo(values: unknown): Promise<ActionResult<Outcome>> {
  return runAction(
    undoInput,
    values,
    async (ctx, { action, id, undoId }) => {
      const [outcome] = await undoChange(ctx, action, [id], undoId);
      return outcome ?? { id, outcome: 'missing' };
    },
    'undoJob',
  );
}

/** Undoes a reschedule or a discard of a job, for pages with JavaScript. */
export async function undoJob(values: z.input<typeof undoInput>): Promise<ActionResult<Outcome>> {
  return undo(values);
}

/** `undoJob` for the form in the result of an action, without JavaScript. */
export async function submitJobUndo(formData: FormData): Promise<string> {
  const form = readForm(formData, ['action', 'id', 'undo_id']);
  const action = form?.get('action') ?? null;
  const id = form?.get('id') ?? null;
  const result = await undo(form && { action, id, undoId: form.get('undo_id') });
  const value = result.ok ? result.value : null;
  const outcome = result.ok ? result.value.outcome : result.error;
  const isOnPage = id !== null && isUuid(id) && outcome !== 'missing';
  const params = new URLSearchParams({
    did: `undo_${action}`,
    outcome: value?.outcome === 'refused' ? value.code : outcome,
    ...(value?.outcome === 'done' && value.scheduledAt ? { at: value.scheduledAt } : {}),
  });
  return navigateTo(
    `${isOnPage ? `/jobs/${id}` : '/jobs'}?${params}`,
    result.ok ? null : result.error,
  );
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
