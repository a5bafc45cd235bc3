'use server';

import { z } from 'zod';
import { nameText } from '../core/search-params';
import { isFilterText } from '../core/text';
import { PAUSE_KINDS } from '../good-job/settings';
import {
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

async function change(given: unknown): Promise<ActionResult<PauseOutcome>> {
  return runAction(
    input,
    given,
    (ctx, { action, kind, name }) => changePause(ctx, action, { [kind]: name }),
    'changePauses',
  );
}

/** Pauses or resumes one queue, class or label; the door of the page with JavaScript. */
export async function changePauses(
  given: z.input<typeof input> & WithReason,
): Promise<ActionResult<PauseOutcome>> {
  return change(given);
}

/** The same from the confirmation page's form: answers with the page of pauses and what became of it. */
export async function submitPause(sent: FormData): Promise<string> {
  const form = readForm(sent, ['action', 'kind', 'name', 'reason']);
  const [action, kind, name] = (['action', 'kind', 'name'] as const).map((field) =>
    form?.get(field),
  );
  const result = await change(form && { action, kind, name, reason: form.get('reason') });
  const outcome = result.ok
    ? result.value.outcome === 'refused'
      ? result.value.code
      : result.value.outcome
    : result.error;
  return navigateTo(
    `/pauses?${new URLSearchParams({ did: String(action), outcome, ...(typeof name === 'string' && isFilterText(name) ? { name: name.slice(0, 200) } : {}) })}`,
    result.ok ? null : result.error,
  );
}
