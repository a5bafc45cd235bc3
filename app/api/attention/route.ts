import { answerJson } from '@/app/api/answer-json';
import { getAttention } from '@/lib/attention/queries';

export async function GET(): Promise<Response> {
  return answerJson(getAttention);
}
