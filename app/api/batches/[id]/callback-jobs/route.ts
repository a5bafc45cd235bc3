import { jsonResponse } from '@/app/api/answer-json';
import { isUuid } from '@/lib/core/text';
import { listCallbackJobs } from '@/lib/jobs/rows';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return jsonResponse(async (ctx) =>
    isUuid(id) ? { rows: await listCallbackJobs(ctx, id), previous: null, next: null } : null,
  );
}
