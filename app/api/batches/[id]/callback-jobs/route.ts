import { answerJson } from '@/lib/http/responses';
import { listCallbackJobs } from '@/lib/jobs/rows';
import { isUuid } from '@/lib/core/text';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return answerJson(async (ctx) =>
    isUuid(id) ? { rows: await listCallbackJobs(ctx, id), previous: null, next: null } : null,
  );
}
