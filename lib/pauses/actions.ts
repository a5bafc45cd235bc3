'use server';

import { z } from 'zod';
import { isFilterText } from '../core/text';
import { PAUSE_KINDS } from '../good-job/types';
import {
  nameText,
  type ActionResult,
  type WithReason,
  navigateTo,
  readForm,
  runAction,
  timestampText,
} from '../http/server-action';
import { changePause, undoPause } from './mutations';
import type { PauseOutcome } from './types';

const target = { kind: z.enum(PAUSE_KINDS), name: nameText.max(1000) };
const input = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('pause'),
    ...target,
    /** When the pause ends by itself: a preset or a time; null or missing: it does not. */
    end: z.union([z.enum(['30m', '1h']), timestampText]).nullish(),
  }),
  z.strictObject({ action: z.literal('unpause'), ...target }),
]);

async function runPauseAction(request: unknown): Promise<ActionResult<PauseOutcome>> {
  return runAction(
    input,
    request,
    (ctx, change) =>
      changePause(
        ctx,
        change.action,
        { [change.kind]: change.name },
        change.action === 'pause' ? (change.end ?? null) : null,
      ),
    'changePauses',
  );
}

/**
 * Pauses or resumes one queue, class or label and returns the outcome, for pages with JavaScript.
 */
export async function changePauses(
  request: z.input<typeof input> & WithReason,
): Promise<ActionResult<PauseOutcome>> {
  return runPauseAction(request);
}

const undoInput = z.strictObject({
  ...target,
  version: timestampText,
  endsAt: timestampText.nullable(),
});

/** Reverts a pause that `changePauses` has added, if nothing else has changed it since. */
export async function undoPauseAction(
  request: z.input<typeof undoInput> & WithReason,
): Promise<ActionResult<PauseOutcome>> {
  return runAction(
    undoInput,
    request,
    (ctx, { kind, name, version, endsAt }) => undoPause(ctx, { kind, name }, { version, endsAt }),
    'undoPauseAction',
  );
}

/**
 * Runs the same action from the confirmation page's form, for pages without JavaScript. Returns
 * the URL of /pauses, or of /queues if the form came from there, with the action and its outcome in
 * the query.
 */
export async function submitPause(formData: FormData): Promise<string> {
  const form = readForm(formData, ['action', 'kind', 'name', 'end', 'reason', 'back']);
  const action = form?.get('action');
  const kind = form?.get('kind');
  const name = form?.get('name');
  const end = form?.get('end') || null;
  const result = await runPauseAction(
    form && {
      action,
      kind,
      name,
      ...(end === null ? {} : { end }),
      reason: form.get('reason'),
    },
  );
  const params = new URLSearchParams({
    did: String(action),
    outcome: outcomeCode(result),
    ...endParam(result),
    ...(typeof name === 'string' && isFilterText(name) ? { name: name.slice(0, 200) } : {}),
  });
  const page = form?.get('back') === 'queues' ? '/queues' : '/pauses';
  return navigateTo(`${page}?${params}`, result.ok ? null : result.error);
}

function endParam(result: ActionResult<PauseOutcome>): { ends?: string } {
  if (!result.ok) return {};
  const { value } = result;
  const endsAt = value.outcome === 'done' ? value.added?.endsAt : null;
  const ends = value.outcome === 'end_changed' ? value.endsAt : endsAt;
  return ends ? { ends } : {};
}

function outcomeCode(result: ActionResult<PauseOutcome>): string {
  if (!result.ok) return result.error;
  return result.value.outcome === 'refused' ? result.value.code : result.value.outcome;
}
