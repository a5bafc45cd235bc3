import { jsonResponse } from '@/app/api/answer-json';
import { isFilterText } from '@/lib/core/text';
import { PAUSE_KINDS } from '@/lib/good-job/types';
import { previewPause } from '@/lib/pauses/queries';

/** What a pause of `value` affects. `kind` is queue, job_class or label. */
export async function GET(request: Request): Promise<Response> {
  const params = new URL(request.url).searchParams;
  const kind = PAUSE_KINDS.find((candidate) => candidate === params.get('kind'));
  const name = params.get('value') ?? '';
  return jsonResponse(async (ctx) =>
    kind && isFilterText(name) ? previewPause(ctx, { kind, name }) : null,
  );
}
