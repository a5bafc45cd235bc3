import { answerJson } from '@/lib/api';
import { getActionWarnings } from '@/lib/jobs/warnings';
import { isUuid } from '@/lib/text';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return answerJson(async (ctx) => (isUuid(id) ? getActionWarnings(ctx, id) : null));
}
