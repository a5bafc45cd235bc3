import { answerJson } from '@/app/api/answer-json';
import { freshBadges, lastBadges } from '@/lib/navigation/counts';

/** The numbers of the navigation, as every other endpoint sends them in a header; counted anew for `max-age`. */
export async function GET(): Promise<Response> {
  return answerJson(async (ctx) =>
    Number.isFinite(ctx.maxAgeMs) ? freshBadges(ctx) : lastBadges(ctx),
  );
}
