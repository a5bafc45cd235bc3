import type { IncomingMessage } from 'node:http';
import { printRefusedByGateway } from '../lib/audit/recorder';

/** Routine refusals that are not security events. */
const ROUTINE_CODES = new Set<string>([
  'signed_out',
  'not_found',
  'sign_in_lost',
  'provider_unreachable',
  'keys_unreachable',
  'database_down',
]);

interface Refusal {
  refused: { code: string; status: number };
  /** null before authentication. */
  viewer: { id: string; role: string | null } | null;
  requestId: string;
  /** The client address according to TRUSTED_PROXIES. */
  address: string;
}

/** Logs a refused request without headers, query and body, which may hold secrets. */
export function recordRefusal(
  request: IncomingMessage,
  { refused: { code: error, status }, viewer, requestId, address }: Refusal,
): void {
  if (ROUTINE_CODES.has(error)) return;
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
