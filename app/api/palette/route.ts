import { jsonResponse } from '@/app/api/answer-json';
import { isFilterText } from '@/lib/core/text';
import { findPaletteMatches, NO_MATCHES } from '@/lib/navigation/queries';

/** What the palette finds for `text`: jobs and batches by id, batches and names by text. */
export async function GET(request: Request): Promise<Response> {
  const text = (new URL(request.url).searchParams.get('text') ?? '').trim();
  return jsonResponse(async (ctx) =>
    isFilterText(text) ? findPaletteMatches(ctx, text) : NO_MATCHES,
  );
}
