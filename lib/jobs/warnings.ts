import 'server-only';
import type { Ctx } from '../ctx';
import { type ActionWarnings, actionWarnings } from '../good-job/action-warnings';

/** What is known before an action on a job to keep it from its effect. */
export async function getActionWarnings(ctx: Ctx, id: string): Promise<ActionWarnings> {
  return ctx.db.read((tx) => actionWarnings(tx, ctx.gj, id));
}
