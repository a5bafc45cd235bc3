'use server';

import { z } from 'zod';
import { isUuid } from '../core/text';
import { PAUSE_KINDS } from '../good-job/types';
import {
  nameText,
  uuidText,
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
    repair: z.enum(['unpause', 'drop_end']),
    by: z.enum(PAUSE_KINDS),
    name: nameText.min(1),
  }),
]);

async function runRepair(request: unknown): Promise<ActionResult<RepairResult>> {
  return runAction(input, request, repair, 'repair');
}

/** Runs a repair and returns its outcome, for pages with JavaScript. */
export async function repairFinding(
  request: z.input<typeof input> & WithReason,
): Promise<ActionResult<RepairResult>> {
  return runRepair(request);
}

/**
 * Runs a repair from the confirmation page's form, for pages without JavaScript. Returns the URL of
 * /attention, or of the job's page that linked to the form, with the counts in the query.
 */
export async function submitRepair(formData: FormData): Promise<string> {
  const form = readForm(formData, ['repair', 'by', 'name', 'reason', 'back'], ['id']);
  const kind = form?.get('repair') ?? null;
  const ids = form?.getAll('id') ?? [];
  const result = await runRepair(
    form && {
      ...(kind === 'unpause' || kind === 'drop_end'
        ? { repair: kind, by: form.get('by'), name: form.get('name') }
        : { repair: kind, ids: ids.length > 0 ? ids : null }),
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
    `${page}?${new URLSearchParams({ did: String(kind), ...outcome })}`,
    result.ok ? null : result.error,
  );
}
