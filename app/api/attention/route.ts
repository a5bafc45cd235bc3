import { jsonResponse } from '@/app/api/answer-json';
import { getAttention } from '@/lib/attention/queries';

export async function GET(): Promise<Response> {
  return jsonResponse(getAttention);
}
