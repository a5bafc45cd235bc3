import { readiness } from '@/lib/context/detection';

export const dynamic = 'force-dynamic';

/** Pages can be served; else the code of what prevents it. */
export async function GET(): Promise<Response> {
  const result = await readiness();
  return new Response(`${result}\n`, {
    status: result === 'ready' ? 200 : 503,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  });
}
