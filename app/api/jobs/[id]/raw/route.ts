import { answerJson } from '@/lib/http/responses';
import { getRawJob } from '@/lib/jobs/raw';
import { isUuid } from '@/lib/core/text';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return answerJson(async (ctx) => (isUuid(id) ? getRawJob(ctx, id) : null));
}
