import { jsonResponse } from '@/app/api/answer-json';
import { getBatchRow } from '@/lib/batches/queries';
import { getBatchStatus } from '@/lib/batches/status';
import { isUuid } from '@/lib/core/text';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const { id } = await params;
  return jsonResponse(async (ctx) => {
    const batch = isUuid(id) ? await getBatchRow(ctx, id) : null;
    return batch && getBatchStatus(ctx, batch);
  });
}
