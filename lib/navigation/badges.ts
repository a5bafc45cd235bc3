import 'server-only';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AttentionCount, attentionCount } from '../attention/count';
import { forgetAttention, getAttention } from '../attention/queries';
import type { Ctx } from '../ctx';
import { type NavigationCounts, freshNavigationCounts, navigationCounts } from './counts';

/** The numbers beside the names in the navigation. */
export interface Badges {
  /** Null: not known yet. */
  counts: NavigationCounts | null;
  /** Null: nothing needs attention; undefined: not known yet. */
  attention?: AttentionCount | null;
}

/** How long a viewer's own action waits for the search for findings. */
const ATTENTION_WAIT_MS = 2_000;

/** The last numbers, at once. */
export function lastBadges(ctx: Ctx): Badges {
  return { counts: navigationCounts(ctx), attention: attentionCount(ctx) };
}

/** The numbers now, for a viewer who has just changed something. */
export async function freshBadges(ctx: Ctx): Promise<Badges> {
  forgetAttention(ctx);
  const search = getAttention(ctx).then(
    () => true,
    () => false,
  );
  const [counts, searched] = await Promise.all([
    freshNavigationCounts(ctx),
    Promise.race([search, sleep(ATTENTION_WAIT_MS, false, { ref: false })]),
  ]);
  return { counts, ...(searched ? { attention: attentionCount(ctx) } : {}) };
}
