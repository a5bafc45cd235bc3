import { answerJson } from '@/lib/http/responses';
import { parseBatchFilter } from '@/lib/batches/types';
import { listBatchesWithProgress } from '@/lib/batches/queries';

export async function GET(request: Request): Promise<Response> {
  const filter = parseBatchFilter(new URL(request.url).searchParams);
  return answerJson((ctx) => listBatchesWithProgress(ctx, filter));
}
