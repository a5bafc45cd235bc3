import { jsonResponse } from '@/app/api/answer-json';
import { listPauses } from '@/lib/pauses/queries';

export async function GET(): Promise<Response> {
  return jsonResponse(listPauses);
}
