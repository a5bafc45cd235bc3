import { jsonResponse } from '@/app/api/answer-json';
import { isFilterText } from '@/lib/core/text';
import { PAUSE_KINDS } from '@/lib/good-job/types';
import { completeValue } from '@/lib/jobs/suggestions';

const FIELDS = { queue: 'queue', job_class: 'class', label: 'label' } as const;

/** Completes the name of a pause. `kind` is queue, job_class or label; `typed` is the prefix. */
export async function GET(request: Request): Promise<Response> {
  const params = new URL(request.url).searchParams;
  const kind = PAUSE_KINDS.find((candidate) => candidate === params.get('kind'));
  const prefix = params.get('typed') ?? '';
  return jsonResponse(async (ctx) =>
    kind && isFilterText(prefix) ? completeValue(ctx, FIELDS[kind], prefix) : [],
  );
}
