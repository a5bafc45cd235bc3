export const dynamic = 'force-dynamic';

/** Liveness: returns 200 while the process runs, in any state of the database. */
export function GET(): Response {
  return new Response('ok\n', { headers: { 'Content-Type': 'text/plain; charset=utf-8' } });
}
