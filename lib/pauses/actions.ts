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
} from '../http/server-action';
import { type PauseOutcome, changePause } from './mutations';

const input = z.strictObject({
  action: z.enum(['pause', 'unpause']),
  kind: z.enum(PAUSE_KINDS),
  name: nameText.max(1000),
});

async function runPauseAction(request: unknown): Promise<ActionResult<PauseOutcome>> {
  return runAction(
    input,
    request,
    (ctx, { action, kind, name }) => changePause(ctx, action, { [kind]: name }),
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

/**
 * Runs the same action from the confirmation page's form, for pages without JavaScript. Returns
 * the URL of /pauses with the action and its outcome in the query.
 */
export async function submitPause(formData: FormData): Promise<string> {
  const form = readForm(formData, ['action', 'kind', 'name', 'reason']);
  const action = form?.get('action');
  const kind = form?.get('kind');
  const name = form?.get('name');
  const result = await runPauseAction(form && { action, kind, name, reason: form.get('reason') });
  const params = new URLSearchParams({
    did: String(action),
    outcome: outcomeCode(result),
    ...(typeof name === 'string' && isFilterText(name) ? { name: name.slice(0, 200) } : {}),
  });
  return navigateTo(`/pauses?${params}`, result.ok ? null : result.error);
}

function outcomeCode(result: ActionResult<PauseOutcome>): string {
  if (!result.ok) return result.error;
  return result.value.outcome === 'refused' ? result.value.code : result.value.outcome;
}
