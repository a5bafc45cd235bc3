import { answerJson } from '@/lib/api';
import { countTabs } from '@/lib/jobs/counts';
import { parseJobFilter } from '@/lib/jobs/filters';

export async function GET(request: Request): Promise<Response> {
  const filter = parseJobFilter(new URL(request.url).searchParams);
  return answerJson((ctx) => countTabs(ctx, filter));
}
