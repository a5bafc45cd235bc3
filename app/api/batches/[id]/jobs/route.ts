import { answerJson } from '@/lib/http/responses';
import { paramsOfRequest } from '@/lib/core/search-params';
import { parseJobFilter } from '@/lib/jobs/filters';
import { listBatchJobs } from '@/lib/jobs/batch-jobs';
import { isUuid } from '@/lib/core/text';

export async function GET(
  request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  const filter = parseJobFilter(paramsOfRequest(request));
  return answerJson(async (ctx) => (isUuid(id) ? listBatchJobs(ctx, id, filter) : null));
}
