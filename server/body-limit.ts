import type { IncomingMessage } from 'node:http';

/** Server Actions carry ids and a reason; nothing of theirs is near this. Bytes. */
export const MAX_BODY = 1_000_000;

/**
 * What a POST sends, or a body that comes in chunks and so says nothing of its length: it is kept until it is there, which
 * the promise waits for, or until it is too large; then `exceeded` is called and no more of it is taken. Whoever reads the
 * request afterwards finds all of it. null: there is no such body.
 */
export function limitBody(request: IncomingMessage, exceeded: () => void): Promise<Buffer> | null {
  if (request.method !== 'POST' && request.headers['transfer-encoding'] === undefined) return null;
  const push = request.push.bind(request);
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    let bytes = 0;
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      const within = bytes <= MAX_BODY;
      bytes += chunk?.length ?? 0;
      if (bytes <= MAX_BODY) {
        if (chunk) chunks.push(chunk);
        push(chunk, encoding);
      } else if (within) exceeded();
      if (chunk === null && bytes <= MAX_BODY) resolve(Buffer.concat(chunks));
      // Whoever reads it begins when all of it is there: until then nothing holds the socket back.
      return true;
    };
  });
}
