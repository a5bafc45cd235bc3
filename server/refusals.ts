import type { IncomingMessage } from 'node:http';
import type { Refused } from './request-rules';

/** Lines a minute: whoever knocks on the door must not fill the disk. */
const MAX_A_MINUTE = 300;
/** Everyday answers: a session that is over, an address that is none. */
const UNREMARKABLE = new Set<string>(['signed_out', 'not_found', 'sign_in_lost', 'provider_unreachable', 'keys_unreachable']);

let minute = { since: 0, printed: 0, left: 0 };

export interface Refusal {
  refused: Refused;
  /** null: nobody had been recognised yet. */
  viewer: { id: string; role: string | null } | null;
  requestId: string;
}

/**
 * Writes down who was not let in, one line as that of an act (lib/audit): never a header, a query or a body, where
 * secrets and tokens are.
 */
export function recordRefusal(request: IncomingMessage, { refused, viewer, requestId }: Refusal): void {
  if (UNREMARKABLE.has(refused.code)) return;
  const now = Date.now();
  if (now - minute.since > 60_000) minute = { since: now, printed: 0, left: minute.printed > MAX_A_MINUTE ? minute.printed - MAX_A_MINUTE : 0 };
  if (++minute.printed > MAX_A_MINUTE) return;
  const path = (request.url ?? '').split('?', 1)[0]?.slice(0, 200);
  const { code: error, status } = refused;
  const left = minute.left > 0 ? { notPrinted: minute.left } : {};
  minute.left = 0;
  console.log(JSON.stringify({ audit: { at: new Date(now).toISOString(), action: 'door', outcome: 'refused', viewer: viewer?.id ?? null, requestId, error, status, method: request.method, path, address: request.socket.remoteAddress, ...left } }));
}
