import { answerJson } from '@/lib/api';
import { listPauses } from '@/lib/pauses/queries';

export async function GET(): Promise<Response> {
  return answerJson(listPauses);
}
