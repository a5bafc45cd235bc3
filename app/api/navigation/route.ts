import { jsonResponse } from '@/app/api/answer-json';
import { freshBadges, lastBadges } from '@/lib/navigation/counts';

/** The navigation counts that other endpoints send in a header; recounted for `max-age`. */
export async function GET(): Promise<Response> {
  return jsonResponse(async (ctx) =>
    Number.isFinite(ctx.maxAgeMs) ? freshBadges(ctx) : lastBadges(ctx),
  );
}
