import { answerJson } from '@/app/api/answer-json';
import { cut } from '@/lib/core/text';
import { listCronEntries } from '@/lib/cron/entries';

/** `after`: the key that the page begins behind. */
export async function GET(request: Request): Promise<Response> {
  const after = new URL(request.url).searchParams.get('after');
  return answerJson((ctx) => listCronEntries(ctx, after === null ? null : cut(after, 1000)));
}
