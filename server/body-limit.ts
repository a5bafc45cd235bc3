import type { IncomingMessage } from 'node:http';

/** Far above any Server Action, which sends ids and a reason. */
export const MAX_BODY_BYTES = 1_000_000;

/**
 * Buffers the body of a POST or a chunked request; null for other requests. The promise resolves
 * with the complete body, which later readers of the request still receive; above the limit
 * `onExceeded` is called once, and the rest is discarded.
 */
export function limitBody(
  request: IncomingMessage,
  onExceeded: () => void,
): Promise<Buffer> | null {
  if (request.method !== 'POST' && request.headers['transfer-encoding'] === undefined) return null;
  const push = request.push.bind(request);
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    let bytes = 0;
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      const wasWithinLimit = bytes <= MAX_BODY_BYTES;
      bytes += chunk?.length ?? 0;
      if (bytes <= MAX_BODY_BYTES) {
        if (chunk) chunks.push(chunk);
        push(chunk, encoding);
      } else if (wasWithinLimit) onExceeded();
      if (chunk === null && bytes <= MAX_BODY_BYTES) resolve(Buffer.concat(chunks));
      // No backpressure: the reader starts only after the last chunk.
      return true;
    };
  });
}
