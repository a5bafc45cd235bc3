'use server';

import { redirect } from 'next/navigation';
import { z } from 'zod';
import { type ActionResult, runAction } from '../action';
import { isUuid } from '../text';
import { repair } from './mutations';
import { REPAIRS, type RepairResult } from './types';

const input = z.object({
  repair: z.enum(REPAIRS),
  /** Null: all that are found when it is carried out. */
  ids: z.array(z.string().refine(isUuid)).min(1).max(500).nullable(),
});

async function carryOut(given: unknown): Promise<ActionResult<RepairResult>> {
  return runAction(input, given, (ctx, { repair: what, ids }) => repair(ctx, what, ids && ids.map((id) => id.toLowerCase())));
}

/** The door of the pages with JavaScript. */
export async function repairFinding(given: z.input<typeof input>): Promise<ActionResult<RepairResult>> {
  return carryOut(given);
}

/** The same from the confirmation page's form, without JavaScript: answers with /attention and what became of it, as numbers only. */
export async function submitRepair(form: FormData): Promise<void> {
  const what = form.get('repair');
  const ids = form.getAll('id');
  const result = await carryOut({ repair: what, ids: ids.length > 0 ? ids : null });
  const outcome = result.ok ? Object.fromEntries(Object.entries(result.value.counts).map(([name, count]) => [name, String(count)])) : { error: result.error };
  redirect(`/attention?${new URLSearchParams({ did: String(what), ...outcome })}`);
}
