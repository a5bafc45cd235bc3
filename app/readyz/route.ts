import { isReady } from '@/lib/ctx';

export const dynamic = 'force-dynamic';

/** The database answers. */
export async function GET(): Promise<Response> {
  const ready = await isReady();
  return new Response(ready ? 'ready\n' : 'database down\n', {
    status: ready ? 200 : 503,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  });
}
