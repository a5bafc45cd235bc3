import { answerJson } from '@/lib/api';
import { listCallbackJobs } from '@/lib/jobs/list';
import { isUuid } from '@/lib/text';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return answerJson(async (ctx) =>
    isUuid(id) ? { rows: await listCallbackJobs(ctx, id), previous: null, next: null } : null,
  );
}
