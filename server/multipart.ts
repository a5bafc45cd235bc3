/** A form field. Files are not supported: no form of the console has one. */
export interface FormField {
  name: string;
  value: string;
}

const MAX_FIELDS = 2_000;
/** Boundaries as browsers generate them. */
const TYPE = /^multipart\/form-data; *boundary=([A-Za-z0-9'_-]{1,70}|"[A-Za-z0-9'_-]{1,70}")$/;
/** The only part header a browser sends for a field; `"` and line breaks are encoded. */
const HEAD = /^content-disposition: form-data; name="([^"\r\n\0]{0,1000})"$/i;
const CRLF = Buffer.from('\r\n');
const END_OF_HEAD = Buffer.from('\r\n\r\n');

/**
 * Parses a multipart form strictly as browsers send it, in one pass; null for anything else.
 * Next parses the body with two lenient parsers, which must not disagree on what was checked here.
 */
export function readForm(contentType: string, body: Buffer): FormField[] | null {
  const boundary = TYPE.exec(contentType)?.[1]?.replaceAll('"', '');
  if (boundary === undefined) return null;
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The first delimiter has no CRLF before it.
  if (!body.subarray(0, delimiter.length - 2).equals(delimiter.subarray(2))) return null;
  let at = delimiter.length - 2;
  const fields: FormField[] = [];
  for (;;) {
    const rest = body.subarray(at, at + 4).toString('latin1');
    if (rest === '--' || rest === '--\r\n') return body.length === at + rest.length ? fields : null;
    if (!rest.startsWith('\r\n') || fields.length >= MAX_FIELDS) return null;
    const next = body.indexOf(delimiter, at + CRLF.length);
    const field = next < 0 ? null : readField(body.subarray(at + CRLF.length, next));
    if (!field) return null;
    fields.push(field);
    at = next + delimiter.length;
  }
}

function readField(part: Buffer): FormField | null {
  const end = part.indexOf(END_OF_HEAD);
  const head = end < 0 ? null : decodeUtf8(part.subarray(0, end));
  const name = head === null ? undefined : HEAD.exec(head)?.[1];
  const value = decodeUtf8(part.subarray(end + END_OF_HEAD.length));
  return name === undefined || value === null ? null : { name, value };
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8; null for invalid bytes. */
export function decodeUtf8(bytes: Buffer): string | null {
  try {
    return UTF_8.decode(bytes);
  } catch {
    return null;
  }
}
