import { type RequestListener, type Server, createServer } from 'node:http';
import type { Drain } from './drain';

/** Identity headers of proxies are long: all of somebody's groups, signed. Bytes of all headers together. */
const MAX_HEADERS = 65_536;

/**
 * Every header of a request is seen: by default Node drops those beyond the first thousand or so without a word, and
 * with them the second user or the trace of a proxy that the rules look for. Their bytes are bounded all the same.
 */
export function createHttpServer(listener: RequestListener, drain?: Drain): Server {
  const server = createServer({ maxHeaderSize: MAX_HEADERS }, listener);
  server.maxHeadersCount = 0;
  drain?.track(server);
  return server;
}
