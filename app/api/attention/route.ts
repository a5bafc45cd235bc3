import { answerJson } from '@/lib/http/responses';
import { getAttention } from '@/lib/attention/queries';

export async function GET(): Promise<Response> {
  return answerJson(getAttention);
}
