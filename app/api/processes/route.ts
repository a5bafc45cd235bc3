import { jsonResponse } from '@/app/api/answer-json';
import { listProcesses, parseProcessFilter } from '@/lib/processes/queries';

export async function GET(request: Request): Promise<Response> {
  const filter = parseProcessFilter(new URL(request.url).searchParams);
  return jsonResponse((ctx) => listProcesses(ctx, filter));
}
