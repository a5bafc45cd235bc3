import { jsonResponse } from '@/app/api/answer-json';
import { parseQueueFilter } from '@/lib/queues/filters';
import { listQueues } from '@/lib/queues/queries';

export async function GET(request: Request): Promise<Response> {
  const filter = parseQueueFilter(new URL(request.url).searchParams);
  return jsonResponse((ctx) => listQueues(ctx, filter));
}
