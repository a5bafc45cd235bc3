import type { IncomingMessage } from 'node:http';

/**
 * All values of a header as sent, because Node joins or drops repeated ones. `name` is lower case.
 */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** Removes a header from the request, so that later code can neither log nor show it. */
export function removeHeader(request: IncomingMessage, name: string): void {
  delete request.headers[name];
  const { rawHeaders } = request;
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2)
    if (rawHeaders[at]?.toLowerCase() === name) rawHeaders.splice(at, 2);
}

/** Trims spaces and tabs only, as HTTP does; other Unicode spaces are part of a value. */
export function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}
const isBlank = (code: number) => code === 0x20 || code === 0x09;

/** Decodes a UTF-8 header, which Node reads as Latin-1; null if it is invalid. */
export function decodeUtf8(value: string): string | null {
  try {
    // Keep a byte order mark: a name without it belongs to a different user.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(value, 'latin1'),
    );
  } catch {
    return null;
  }
}
