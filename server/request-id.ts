import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const WELL_FORMED = /^[A-Za-z0-9._-]{8,128}$/;

/**
 * Returns the request id of a trusted proxy, so that its log joins with ours and the audit, or a
 * new one. An id from anyone else could impersonate another request in the log.
 */
export function requestIdOf(
  header: IncomingMessage['headers'][string],
  isTrusted: boolean,
): string {
  return isTrusted && typeof header === 'string' && WELL_FORMED.test(header)
    ? header
    : randomUUID();
}
