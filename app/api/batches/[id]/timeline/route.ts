import { jsonResponse } from '@/app/api/answer-json';
import { getBatchTimeline } from '@/lib/batches/timeline';
import { isUuid } from '@/lib/core/text';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return jsonResponse(async (ctx) => (isUuid(id) ? getBatchTimeline(ctx, id) : null));
}
