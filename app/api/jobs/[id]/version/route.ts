import { answerJson } from '@/lib/http/responses';
import { getJobVersion } from '@/lib/jobs/detail';
import { isUuid } from '@/lib/core/text';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return answerJson(async (ctx) => (isUuid(id) ? getJobVersion(ctx, id) : null));
}
