import { answerJson } from '@/app/api/answer-json';
import { listPauses } from '@/lib/pauses/queries';

export async function GET(): Promise<Response> {
  return answerJson(listPauses);
}
