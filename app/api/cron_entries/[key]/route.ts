import { answerJson } from '@/lib/api';
import { getCronEntry } from '@/lib/cron/entries';
import { keyOfSegment } from '@/lib/cron/key';

export async function GET(_request: Request, { params }: { params: Promise<{ key: string }> }): Promise<Response> {
  const key = keyOfSegment((await params).key);
  return answerJson(async (ctx) => (key === null ? null : getCronEntry(ctx, key)));
}
