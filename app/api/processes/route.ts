import { answerJson } from '@/lib/api';
import { parseProcessFilter } from '@/lib/processes/filters';
import { listProcesses } from '@/lib/processes/queries';

export async function GET(request: Request): Promise<Response> {
  const filter = parseProcessFilter(new URL(request.url).searchParams);
  return answerJson((ctx) => listProcesses(ctx, filter));
}
