import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refused } from './request-rules';

const FOLDER = '/_next/static';
const NOT_FOUND: Refused = { code: 'not_found', status: 404 };

/**
 * What of a build's static files an address without base path and query names, in whatever spelling: its usual one, a
 * refusal for a file that the build lacks, null for what is no static file. Next would answer a missing one with a page
 * that is rendered anew each time.
 */
export function staticFileAt(
  method: string | undefined,
  address: string,
  files: ReadonlySet<string>,
): { file: string } | { refused: Refused } | null {
  const plain = decoded(address);
  if (plain !== FOLDER && !plain.startsWith(`${FOLDER}/`)) return null;
  if (method !== 'GET' && method !== 'HEAD') return { refused: { code: 'method', status: 405 } };
  return files.has(plain) ? { file: plain } : { refused: NOT_FOUND };
}

function decoded(address: string): string {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

/** Takes off what Next answers with 500 where it does not hold: a part of a file, or only one that is as the client knows it. */
export function askForAll({ headers }: IncomingMessage): void {
  for (const name of ['range', 'if-range', 'if-match', 'if-unmodified-since']) delete headers[name];
}

/** Their names change with their content. An error about one of them is not theirs to stay. */
export function setImmutable(response: ServerResponse): void {
  response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((status: number, ...rest: unknown[]) => {
    if (status >= 400) response.setHeader('Cache-Control', 'no-store');
    return writeHead(status, ...rest);
  }) as typeof response.writeHead;
}
