import { answerJson } from '@/lib/api';
import { getAttention } from '@/lib/attention/queries';

export async function GET(): Promise<Response> {
  return answerJson(getAttention);
}
