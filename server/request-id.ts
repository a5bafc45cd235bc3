import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const WELL_FORMED = /^[A-Za-z0-9._-]{8,128}$/;

/** The proxy's own id joins its log, ours and the audit; anybody else's would let them sign as another request. */
export function requestIdOf(sent: IncomingMessage['headers'][string], trusted: boolean): string {
  return trusted && typeof sent === 'string' && WELL_FORMED.test(sent) ? sent : randomUUID();
}
