'use server';

import { z } from 'zod';
import { nameText, uuidText } from '../core/search-params';
import { isUuid } from '../core/text';
import { PAUSE_KINDS } from '../good-job/settings';
import {
  type ActionResult,
  type WithReason,
  navigateTo,
  readForm,
  runAction,
} from '../http/server-action';
import { repair } from './repair';
import type { RepairResult } from './types';

const input = z.discriminatedUnion('repair', [
  z.strictObject({
    repair: z.enum(['check_batches', 'release_jobs']),
    ids: z.array(uuidText).min(1).max(500).nullable(),
  }),
  z.strictObject({
    repair: z.literal('unpause'),
    by: z.enum(PAUSE_KINDS),
    name: nameText.min(1),
  }),
]);

async function applyAction(given: unknown): Promise<ActionResult<RepairResult>> {
  return runAction(input, given, repair, 'repair');
}

/** The door of the pages with JavaScript. */
export async function repairFinding(
  given: z.input<typeof input> & WithReason,
): Promise<ActionResult<RepairResult>> {
  return applyAction(given);
}

/** The same from the confirmation page's form, without JavaScript: answers with /attention, or the page of the job that it came from, and what became of it, as numbers only. */
export async function submitRepair(sent: FormData): Promise<string> {
  const form = readForm(sent, ['repair', 'by', 'name', 'reason', 'back'], ['id']);
  const what = form?.get('repair') ?? null;
  const ids = form?.getAll('id') ?? [];
  const result = await applyAction(
    form && {
      ...(what === 'unpause'
        ? { repair: what, by: form.get('by'), name: form.get('name') }
        : { repair: what, ids: ids.length > 0 ? ids : null }),
      reason: form.get('reason'),
    },
  );
  const outcome = result.ok
    ? Object.fromEntries(
        Object.entries(result.value.counts).map(([name, count]) => [name, String(count)]),
      )
    : { error: result.error };
  const [id] = ids;
  const isFromJob = form?.get('back') === 'job' && id !== undefined && isUuid(id);
  const page = isFromJob ? `/jobs/${id}` : '/attention';
  return navigateTo(
    `${page}?${new URLSearchParams({ did: String(what), ...outcome })}`,
    result.ok ? null : result.error,
  );
}
