import type { IncomingMessage } from 'node:http';
import { printRefusedByGateway } from '../lib/audit/recorder';

/** Everyday answers: a session that is over, an address that is none, a sign-in that was left lying. */
const UNREMARKABLE = new Set<string>([
  'signed_out',
  'not_found',
  'sign_in_lost',
  'provider_unreachable',
  'keys_unreachable',
  'database_down',
]);

export interface Refusal {
  refused: { code: string; status: number };
  /** null: nobody had been recognised yet. */
  viewer: { id: string; role: string | null } | null;
  requestId: string;
  /** Of the client, as far as trusted proxies vouch for it. */
  address: string;
}

/** Writes down who was not let in: never a header, a query or a body, where secrets and tokens are. */
export function recordRefusal(
  request: IncomingMessage,
  { refused: { code: error, status }, viewer, requestId, address }: Refusal,
): void {
  if (UNREMARKABLE.has(error)) return;
  printRefusedByGateway({
    requestId,
    viewer: viewer?.id,
    error,
    status,
    method: request.method ?? '',
    path: request.url ?? '',
    address: address || null,
  });
}
