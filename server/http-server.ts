import { type RequestListener, type Server, createServer } from 'node:http';
import type { Drain } from './drain';

/** Limit for all headers together. Identity headers can hold hundreds of groups and a signature. */
const MAX_HEADER_BYTES = 65_536;

/**
 * Lifts Node's limit on the number of headers: Node silently drops the rest, and with it the second
 * user header or the proxy header that the request rules check for.
 */
export function createHttpServer(listener: RequestListener, drain?: Drain): Server {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, listener);
  server.maxHeadersCount = 0;
  drain?.track(server);
  return server;
}
