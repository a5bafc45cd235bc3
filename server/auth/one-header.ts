import type { IncomingMessage } from 'node:http';

/** All values of a header as they were sent: Node joins repeated ones, or drops them. `name` in small letters. */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** Takes a header from the request altogether: whatever runs after this can neither log nor show it. */
export function takeAway(request: IncomingMessage, name: string): void {
  delete request.headers[name];
  const { rawHeaders } = request;
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2)
    if (rawHeaders[at]?.toLowerCase() === name) rawHeaders.splice(at, 2);
}

/** Without the spaces and tabs around it: what HTTP leaves out there, and no other sign that only looks like one. */
export function withoutBlanks(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}
const isBlank = (code: number) => code === 0x20 || code === 0x09;

/** Node reads header bytes as Latin-1; proxies send UTF-8. null: not that. */
export function utf8Of(value: string): string | null {
  try {
    // A mark at the beginning stays: a name without it is another's.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(value, 'latin1'),
    );
  } catch {
    return null;
  }
}
