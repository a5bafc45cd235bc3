import 'server-only';
import { type Ctx, requireCtx } from '../../lib/context/request-context';
import { type ErrorCode, RELEASE_HEADER, statusOf } from '../../lib/core/errors';
import { isUuid } from '../../lib/core/text';
import { reportError } from '../../lib/http/responses';
import { cachedBadges } from '../../lib/navigation/queries';

/** Every polled response carries the navigation counts, which saves a separate request. */
const BADGES_HEADER = 'x-console-badges';

/** The body of an error response. */
interface ApiError {
  error: ErrorCode | 'not_found';
}

/**
 * The adapter of all polling endpoints (GET only): calls `query` with the request context and
 * returns its result as JSON, null as a 404 and an error as its code and status.
 */
export async function jsonResponse<T>(query: (ctx: Ctx) => Promise<T | null>): Promise<Response> {
  try {
    const ctx = await requireCtx();
    const value = await query(ctx);
    if (value === null)
      return Response.json({ error: 'not_found' } satisfies ApiError, { status: 404 });
    const badges = JSON.stringify(await cachedBadges(ctx));
    const release = process.env.CONSOLE_RELEASE ?? '';
    return Response.json(value, {
      headers: { [BADGES_HEADER]: badges, [RELEASE_HEADER]: release },
    });
  } catch (error) {
    const code = reportError(error);
    return Response.json({ error: code } satisfies ApiError, { status: statusOf(code) });
  }
}

/** The GET handler of a row's endpoint: a malformed id is a 404, like that of a missing row. */
export function rowRoute<T>(query: (ctx: Ctx, id: string) => Promise<T | null>) {
  return async (
    _request: Request,
    { params }: { params: Promise<{ id: string }> },
  ): Promise<Response> => {
    const { id } = await params;
    return jsonResponse(async (ctx) => (isUuid(id) ? query(ctx, id) : null));
  };
}
