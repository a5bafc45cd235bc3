import { jsonResponse } from '@/app/api/answer-json';
import { isFilterText } from '@/lib/core/text';
import { completeQuery } from '@/lib/jobs/suggestions';

/** `text` is the query and `at` the caret position, by default its end. */
export async function GET(request: Request): Promise<Response> {
  const params = new URL(request.url).searchParams;
  const text = params.get('text') ?? '';
  const at = /^\d{1,4}$/.test(params.get('at') ?? '')
    ? Math.min(Number(params.get('at')), text.length)
    : text.length;
  return jsonResponse(async (ctx) =>
    isFilterText(text) ? completeQuery(ctx, { text, at }) : { from: at, to: at, items: [] },
  );
}
