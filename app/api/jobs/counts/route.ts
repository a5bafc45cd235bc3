import { jsonResponse } from '@/app/api/answer-json';
import { paramsOfRequest } from '@/lib/core/urls';
import { countTabs } from '@/lib/jobs/counts';
import { parseJobFilter } from '@/lib/jobs/filters';

export async function GET(request: Request): Promise<Response> {
  const filter = parseJobFilter(paramsOfRequest(request));
  return jsonResponse((ctx) => countTabs(ctx, filter));
}
