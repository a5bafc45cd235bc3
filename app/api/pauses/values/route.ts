import { answerJson } from '@/app/api/answer-json';
import { isFilterText } from '@/lib/core/text';
import { PAUSE_KINDS } from '@/lib/good-job/settings';
import { completeValue } from '@/lib/jobs/suggestions';

const FIELDS = { queue: 'queue', job_class: 'class', label: 'label' } as const;

/** What the name of a pause could become. `kind`: queue, job_class or label; `typed`: what there is of it. */
export async function GET(request: Request): Promise<Response> {
  const params = new URL(request.url).searchParams;
  const kind = PAUSE_KINDS.find((one) => one === params.get('kind'));
  const typed = params.get('typed') ?? '';
  return answerJson(async (ctx) =>
    kind && isFilterText(typed) ? completeValue(ctx, FIELDS[kind], typed) : [],
  );
}
