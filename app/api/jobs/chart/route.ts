import { answerJson } from '@/lib/api';
import { chartOfList } from '@/lib/jobs/chart';
import { readChartRequest } from '@/lib/jobs/chart-types';
import { parseJobFilter } from '@/lib/jobs/filters';

export async function GET(request: Request): Promise<Response> {
  const params = new URL(request.url).searchParams;
  const filter = parseJobFilter(params);
  return answerJson((ctx) => chartOfList(ctx, filter, readChartRequest(params.get('range'), params.get('by'))));
}
