import type { IncomingMessage } from 'node:http';

/** Server Actions carry ids and a reason; nothing of theirs is near this. Bytes. */
export const MAX_BODY = 1_000_000;

/**
 * A body that comes in chunks says nothing of its length: it is kept until it is there, which the promise waits for,
 * or until it is too large; then `exceeded` is called and no more of it is taken. null: the body has a length.
 */
export function limitBody(request: IncomingMessage, exceeded: () => void): Promise<void> | null {
  if (request.headers['transfer-encoding'] === undefined) return null;
  const push = request.push.bind(request);
  return new Promise((resolve) => {
    let bytes = 0;
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      const within = bytes <= MAX_BODY;
      bytes += chunk?.length ?? 0;
      if (bytes <= MAX_BODY) push(chunk, encoding);
      else if (within) exceeded();
      if (chunk === null && bytes <= MAX_BODY) resolve();
      // Whoever reads it begins when all of it is there: until then nothing holds the socket back.
      return true;
    };
  });
}
