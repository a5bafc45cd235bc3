import { readiness } from '@/lib/context/detection';

export const dynamic = 'force-dynamic';

/** Readiness: `ready`, or the code of the error that prevents serving pages. */
export async function GET(): Promise<Response> {
  const result = await readiness();
  return new Response(`${result}\n`, {
    status: result === 'ready' ? 200 : 503,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  });
}
