import { jsonResponse } from '@/app/api/answer-json';
import { isFilterText } from '@/lib/core/text';
import { getCronEntry } from '@/lib/cron/entries';

/** No decoding: Next decodes the segment of a route handler, but not that of a page. */
export async function GET(
  _request: Request,
  { params }: { params: Promise<{ key: string }> },
): Promise<Response> {
  const { key } = await params;
  return jsonResponse(async (ctx) => (isFilterText(key) ? getCronEntry(ctx, key) : null));
}
