import { answerJson } from '@/app/api/answer-json';
import { isFilterText } from '@/lib/core/text';
import { completeQuery } from '@/lib/jobs/suggestions';

/** `text`: the query as typed; `at`: the cursor in it, the end when it is not given. */
export async function GET(request: Request): Promise<Response> {
  const params = new URL(request.url).searchParams;
  const text = params.get('text') ?? '';
  const at = /^\d{1,4}$/.test(params.get('at') ?? '')
    ? Math.min(Number(params.get('at')), text.length)
    : text.length;
  return answerJson(async (ctx) =>
    isFilterText(text) ? completeQuery(ctx, { text, at }) : { from: at, to: at, items: [] },
  );
}
