import { jsonResponse } from '@/app/api/answer-json';
import { cachedBadges, freshBadges } from '@/lib/navigation/queries';

/**
 * The navigation counts, which other responses carry in a header. A request with `max-age` counts
 * again; others get the last known counts.
 */
export async function GET(): Promise<Response> {
  return jsonResponse(async (ctx) =>
    Number.isFinite(ctx.maxAgeMs) ? freshBadges(ctx) : cachedBadges(ctx),
  );
}
