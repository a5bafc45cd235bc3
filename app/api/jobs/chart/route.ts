import { jsonResponse } from '@/app/api/answer-json';
import { paramsOfRequest } from '@/lib/core/urls';
import { chartOfList } from '@/lib/jobs/chart';
import { parseJobFilter } from '@/lib/jobs/filters';
import { readChartRequest } from '@/lib/jobs/types';

export async function GET(request: Request): Promise<Response> {
  const params = paramsOfRequest(request);
  const filter = parseJobFilter(params);
  return jsonResponse((ctx) =>
    chartOfList(ctx, filter, readChartRequest(params.get('range'), params.get('by'))),
  );
}
