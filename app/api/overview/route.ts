import { jsonResponse } from '@/app/api/answer-json';
import { ConsoleError } from '@/lib/core/errors';
import { paramsOfRequest } from '@/lib/core/urls';
import { getOverview } from '@/lib/overview/queries';
import { parseOverviewFilter } from '@/lib/overview/types';

export async function GET(request: Request): Promise<Response> {
  const { range, notUnderstood } = parseOverviewFilter(paramsOfRequest(request));
  return jsonResponse((ctx) => {
    if (notUnderstood.length > 0) throw new ConsoleError('not_understood');
    return getOverview(ctx, range);
  });
}
