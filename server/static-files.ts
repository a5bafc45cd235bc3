import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestRefusal } from './request-rules';

const STATIC_PREFIX = '/_next/static';
const NOT_FOUND: RequestRefusal = { code: 'not_found', status: 404 };

/**
 * Resolves a path (without base path and query) to a static file of the build; null if it is not
 * below `/_next/static`. A missing file is refused here, because Next would render a 404 page each
 * time.
 */
export function staticFileAt(
  method: string | undefined,
  address: string,
  files: ReadonlySet<string>,
): { file: string } | { refused: RequestRefusal } | null {
  const decodedPath = decodeSafely(address);
  if (decodedPath !== STATIC_PREFIX && !decodedPath.startsWith(`${STATIC_PREFIX}/`)) return null;
  if (method !== 'GET' && method !== 'HEAD') return { refused: { code: 'method', status: 405 } };
  return files.has(decodedPath) ? { file: decodedPath } : { refused: NOT_FOUND };
}

function decodeSafely(address: string): string {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

/** Removes range and precondition headers: Next answers 500 if one cannot be satisfied. */
export function dropPartialRequestHeaders({ headers }: IncomingMessage): void {
  for (const name of ['range', 'if-range', 'if-match', 'if-unmodified-since']) delete headers[name];
}

/** Lets the client cache a file whose name contains its hash, but never an error. */
export function setImmutable(response: ServerResponse): void {
  response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((status: number, ...rest: unknown[]) => {
    if (status >= 400) response.setHeader('Cache-Control', 'no-store');
    return writeHead(status, ...rest);
  }) as typeof response.writeHead;
}
