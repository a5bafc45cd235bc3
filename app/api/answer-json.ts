import 'server-only';
import { requireCtx } from '../../lib/context/request-context';
import type { Ctx } from '../../lib/context/types';
import { type ErrorCode, statusOf } from '../../lib/core/errors';
import { codeOf } from '../../lib/http/responses';
import { lastBadges } from '../../lib/navigation/counts';

/** The navigation's numbers come with every poll, so that they move without a request of their own. */
const BADGES_HEADER = 'x-console-badges';

/** What a failed poll is answered with. */
export interface ApiError {
  error: ErrorCode | 'not_found';
}

/**
 * The one adapter of the polling doors (GET only): a ctx, the answer as JSON, every failure as a code with its
 * status. `null` is a 404.
 */
export async function answerJson<T>(fn: (ctx: Ctx) => Promise<T | null>): Promise<Response> {
  try {
    const ctx = await requireCtx();
    const value = await fn(ctx);
    if (value === null)
      return Response.json({ error: 'not_found' } satisfies ApiError, { status: 404 });
    const badges = JSON.stringify(await lastBadges(ctx));
    return Response.json(value, { headers: { [BADGES_HEADER]: badges } });
  } catch (error) {
    const code = codeOf(error);
    return Response.json({ error: code } satisfies ApiError, { status: statusOf(code) });
  }
}
