import { jsonResponse } from '@/app/api/answer-json';
import { isUuid } from '@/lib/core/text';
import { getRawExecution } from '@/lib/jobs/raw';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return jsonResponse(async (ctx) => (isUuid(id) ? getRawExecution(ctx, id) : null));
}
