import { jsonResponse } from '@/app/api/answer-json';
import { listRuns } from '@/lib/bulk/runs';
import { paramsOfRequest, parseCursor } from '@/lib/core/urls';

export async function GET(request: Request): Promise<Response> {
  const cursor = parseCursor(paramsOfRequest(request));
  return jsonResponse(async (ctx) => (cursor === 'not_understood' ? null : listRuns(ctx, cursor)));
}
