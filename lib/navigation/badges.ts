import 'server-only';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AttentionCount, attentionCount, countFindings } from '../attention/count';
import { getAttention } from '../attention/queries';
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
export async function lastBadges(ctx: Ctx): Promise<Badges> {
  const [counts, attention] = await Promise.all([navigationCounts(ctx), attentionCount(ctx)]);
  return { counts, attention };
}

/** Numbers that are not older than the viewer's last change. */
export async function freshBadges(ctx: Ctx): Promise<Badges> {
  const search = getAttention(ctx).then(countFindings, () => undefined);
  const [counts, attention] = await Promise.all([
    freshNavigationCounts(ctx),
    Promise.race([search, sleep(ATTENTION_WAIT_MS, undefined, { ref: false })]),
  ]);
  return { counts, attention };
}
