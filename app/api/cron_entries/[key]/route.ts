import { answerJson } from '@/lib/http/responses';
import { getCronEntry } from '@/lib/cron/entries';
import { isFilterText } from '@/lib/core/text';

/** A route's segment is decoded already, unlike a page's. */
export async function GET(
  _request: Request,
  { params }: { params: Promise<{ key: string }> },
): Promise<Response> {
  const { key } = await params;
  return answerJson(async (ctx) => (isFilterText(key) ? getCronEntry(ctx, key) : null));
}
