import type { IncomingMessage } from 'node:http';

/** All values of a header as they were sent: Node joins repeated ones, or drops them. `name` in small letters. */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** Takes a header from the request altogether: whatever runs after this can neither log nor show it. */
export function takeAway(request: IncomingMessage, name: string): void {
  delete request.headers[name];
  const { rawHeaders } = request;
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) if (rawHeaders[at]?.toLowerCase() === name) rawHeaders.splice(at, 2);
}

/** Node reads header bytes as Latin-1; proxies send UTF-8. null: not that. */
export function utf8Of(value: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return null;
  }
}
