import { answerJson } from '@/lib/http/responses';
import { paramsOfRequest } from '@/lib/core/search-params';
import { chartOfList } from '@/lib/jobs/chart';
import { readChartRequest } from '@/lib/jobs/types';
import { parseJobFilter } from '@/lib/jobs/filters';

export async function GET(request: Request): Promise<Response> {
  const params = paramsOfRequest(request);
  const filter = parseJobFilter(params);
  return answerJson((ctx) =>
    chartOfList(ctx, filter, readChartRequest(params.get('range'), params.get('by'))),
  );
}
