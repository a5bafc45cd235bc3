import { jsonResponse } from '@/app/api/answer-json';
import { isUuid } from '@/lib/core/text';
import { getJobPreview } from '@/lib/jobs/detail';

/** Returns a job for the preview beside a list. */
export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return jsonResponse(async (ctx) => (isUuid(id) ? getJobPreview(ctx, id) : null));
}
