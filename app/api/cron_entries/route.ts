import { jsonResponse } from '@/app/api/answer-json';
import { truncateText } from '@/lib/core/text';
import { listCronEntries } from '@/lib/cron/entries';

/** `after` is the last key of the previous page. */
export async function GET(request: Request): Promise<Response> {
  const after = new URL(request.url).searchParams.get('after');
  return jsonResponse((ctx) =>
    listCronEntries(ctx, after === null ? null : truncateText(after, 1000)),
  );
}
