import { answerJson } from '@/lib/api';
import { listRuns } from '@/lib/bulk/queries';
import { paramsOfRequest } from '@/lib/filter-params';
import { parseCursor } from '@/lib/paging';

export async function GET(request: Request): Promise<Response> {
  const cursor = parseCursor(paramsOfRequest(request));
  return answerJson(async (ctx) => (cursor === 'not_understood' ? null : listRuns(ctx, cursor)));
}
