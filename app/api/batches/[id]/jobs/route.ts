import { jsonResponse } from '@/app/api/answer-json';
import { isUuid } from '@/lib/core/text';
import { paramsOfRequest } from '@/lib/core/urls';
import { listBatchJobs } from '@/lib/jobs/batch-jobs';
import { parseJobFilter } from '@/lib/jobs/filters';

export async function GET(
  request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  const filter = parseJobFilter(paramsOfRequest(request));
  return jsonResponse(async (ctx) => (isUuid(id) ? listBatchJobs(ctx, id, filter) : null));
}
