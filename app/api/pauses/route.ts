import { answerJson } from '@/lib/http/responses';
import { listPauses } from '@/lib/pauses/queries';

export async function GET(): Promise<Response> {
  return answerJson(listPauses);
}
