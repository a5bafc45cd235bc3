import { answerJson } from '@/app/api/answer-json';
import { isFilterText } from '@/lib/core/text';
import { getCronEntry } from '@/lib/cron/entries';

/** A route's segment is decoded already, unlike a page's. */
export async function GET(
  _request: Request,
  { params }: { params: Promise<{ key: string }> },
): Promise<Response> {
  const { key } = await params;
  return answerJson(async (ctx) => (isFilterText(key) ? getCronEntry(ctx, key) : null));
}
