import type { IncomingMessage } from 'node:http';
import type { Env } from '../lib/env';

/** Why a request is answered at the door; a message key `door.<code>`, with its status. */
export type Refused = { code: 'not_loopback' | 'forwarded' | 'foreign_origin'; status: 403 } | { code: 'bad_url'; status: 400 } | { code: 'method'; status: 405 } | { code: 'too_large'; status: 413 };

/** Server Actions carry ids and a reason; nothing of theirs is near this. Bytes. */
const MAX_BODY = 1_000_000;

/**
 * Without sign-in the console must stay on this machine: a Host that is not its loopback name (DNS rebinding), or
 * any trace of a proxy (which would publish it), is refused.
 */
export function loopbackRule(request: IncomingMessage): Refused | null {
  const host = request.headers.host ?? '';
  if (!/^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(host)) return { code: 'not_loopback', status: 403 };
  const forwarded = Object.keys(request.headers).some((name) => name === 'forwarded' || name === 'x-real-ip' || name.startsWith('x-forwarded-'));
  return forwarded ? { code: 'forwarded', status: 403 } : null;
}

/** The path and query must be text: valid percent-encoded UTF-8 without NUL, and one path, not a URL or `//host`. */
export function readableUrl(request: IncomingMessage): Refused | null {
  const url = request.url ?? '';
  try {
    const text = decodeURIComponent(url.replaceAll('+', ' '));
    if (url.startsWith('/') && !url.startsWith('//') && !url.includes('\\') && !text.includes('\0')) return null;
  } catch {
    // Falls through: bytes that cannot be text.
  }
  return { code: 'bad_url', status: 400 };
}

/**
 * A write must come from a page of ours: Origin is ours, or, only where Origin is absent, the browser itself says
 * `same-origin`. Next accepts an absent Origin, so this is decided before it.
 */
export function sameOriginRule(request: IncomingMessage, env: Env): Refused | null {
  if (request.method === 'GET' || request.method === 'HEAD') return null;
  if (request.method !== 'POST') return { code: 'method', status: 405 };
  // Browsers tell the length; a body that comes in chunks may be of any.
  const length = request.headers['transfer-encoding'] === undefined ? Number(request.headers['content-length'] ?? 0) : Infinity;
  if (length > MAX_BODY) return { code: 'too_large', status: 413 };
  const { origin } = request.headers;
  const ours = env.publicUrl ? [env.publicUrl.origin] : [`http://${request.headers.host}`, `https://${request.headers.host}`];
  const proven = origin === undefined ? request.headers['sec-fetch-site'] === 'same-origin' : ours.includes(origin);
  return proven ? null : { code: 'foreign_origin', status: 403 };
}
