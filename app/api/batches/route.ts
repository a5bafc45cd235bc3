import { jsonResponse } from '@/app/api/answer-json';
import { listBatchesWithProgress } from '@/lib/batches/status';
import { parseBatchFilter } from '@/lib/batches/types';

export async function GET(request: Request): Promise<Response> {
  const filter = parseBatchFilter(new URL(request.url).searchParams);
  return jsonResponse((ctx) => listBatchesWithProgress(ctx, filter));
}
