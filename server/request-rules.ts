import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Env } from '../lib/config/environment';
import type { AuthRefused } from './auth/types';
import { MAX_BODY } from './body-limit';
import { hasProxyHeader } from './proxy-headers';

/** Why a request is answered at the door; a message key `door.<code>`, with its status. */
export type Refused =
  | AuthRefused
  | {
      code:
        | 'not_loopback'
        | 'forwarded'
        | 'foreign_host'
        | 'unknown_host'
        | 'foreign_origin'
        | 'foreign_page'
        | 'no_role';
      status: 403;
    }
  | { code: 'bad_url' | 'bad_host' | 'bad_action' | 'too_many_parameters'; status: 400 }
  | { code: 'not_found' | 'unknown_action'; status: 404 }
  | { code: 'method'; status: 405 }
  | { code: 'too_large'; status: 413 }
  | { code: 'long_url'; status: 414 }
  | { code: 'too_many_requests'; status: 429 };

/** The longest that a page of the console makes (a hundred chosen rows) has a third of it. Bytes. */
const MAX_URL = 12_000;
const MAX_PARAMETERS = 400;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** A name or an address, and a port. */
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,255})(:\d{1,5})?$/i;

/**
 * One Host header that is a host: Node takes the first of two, a proxy on the way perhaps the last, and the rules below
 * would judge another name than the proxy did. HTTP/1.0 may come without.
 */
export function oneHostRule({ rawHeaders, headers }: IncomingMessage): Refused | null {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === 'host') hosts += 1;
  const isOne = hosts === 1 && HOST.test(headers.host ?? '');
  return hosts === 0 || isOne ? null : { code: 'bad_host', status: 400 };
}

/**
 * Without sign-in the console must stay on this machine: a Host that is not its loopback name (DNS rebinding), or
 * any trace of a proxy (which would publish it), is refused.
 */
export function loopbackRule(request: IncomingMessage): Refused | null {
  const host = request.headers.host ?? '';
  if (!LOOPBACK.test(host)) return { code: 'not_loopback', status: 403 };
  return hasProxyHeader(request) ? { code: 'forwarded', status: 403 } : null;
}

/**
 * Where sign-in, or the open mode, lets the console be served: its public name, what ALLOWED_HOSTS adds, and what
 * proxies put there that nobody outside can own, addresses and names without a dot. A page of another name that was
 * made to lead here (DNS rebinding) is refused. Where nobody signs in and no name is set, a name without a dot does
 * not do either: in a browser of this network it may be anybody's machine.
 */
export function hostRule(request: IncomingMessage, env: Env): Refused | null {
  if (env.auth.mode === 'none' && !env.auth.open) return loopbackRule(request);
  const host = (request.headers.host ?? '').toLowerCase();
  const { publicUrl, allowedHosts } = env;
  const named = publicUrl !== null || allowedHosts.length > 0;
  if (
    allowedHosts.includes(host) ||
    isNobodysName(host, { withoutDot: named || env.auth.mode !== 'none' })
  )
    return null;
  if (!publicUrl) return { code: 'unknown_host', status: 403 };
  // With the port that the scheme means anyway.
  const usual = publicUrl.protocol === 'https:' ? ':443' : ':80';
  return host === publicUrl.host || host === publicUrl.host + usual
    ? null
    : { code: 'foreign_host', status: 403 };
}

/** `withoutDot`: a container's or a machine's short name counts, too. */
function isNobodysName(host: string, { withoutDot }: { withoutDot: boolean }): boolean {
  const [, address, name] =
    /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_.-]{1,255}))(?::\d{1,5})?$/.exec(host) ?? [];
  if (address !== undefined) return isIP(address) === 6;
  return (
    name !== undefined &&
    (isIP(name) === 4 || name === 'localhost' || (withoutDot && !name.includes('.')))
  );
}

/**
 * The path and query must be text: valid percent-encoded UTF-8 without NUL, and one path that means the same to
 * every proxy on the way: no URL, no empty or dotted segment in whatever spelling.
 */
export function readableUrl(request: IncomingMessage): Refused | null {
  const url = request.url ?? '';
  if (url.length > MAX_URL) return { code: 'long_url', status: 414 };
  const bad: Refused = { code: 'bad_url', status: 400 };
  const [path = '', ...query] = url.split('?');
  try {
    const text = decodeURIComponent(url.replaceAll('+', ' '));
    if (
      !path.startsWith('/') ||
      path.includes('//') ||
      url.includes('\\') ||
      url.includes('#') ||
      text.includes('\0') ||
      isDotted(path)
    )
      return bad;
  } catch {
    return bad; // bytes that cannot be text
  }
  return query.join('?').split('&').length > MAX_PARAMETERS
    ? { code: 'too_many_parameters', status: 400 }
    : null;
}

/** `..`, `%2e%2e`, `%252e.`, `..;x`, `a%2f..%5cb`: what some server on the way may take for a step up. */
function isDotted(path: string): boolean {
  let text = path;
  for (let round = 0; round < 3; round++) {
    if (text.split(/[/\\]/).some((segment) => /^\.{1,2}(;|$)/.test(segment))) return true;
    const before = text;
    text = text.replace(/%(2e|2f|5c|3b|25)/gi, (_, code: string) =>
      String.fromCharCode(parseInt(code, 16)),
    );
    if (text === before) break;
  }
  return false;
}

/** What shows a page inside another. */
const FRAMES = new Set(['iframe', 'frame', 'fencedframe', 'object', 'embed']);

/**
 * A page of another origin may lead here, not fetch from here, be it of another site or of a sibling domain: its images
 * would spend what the viewer may search, and the database's time. Without fetch metadata it is no browser's request.
 */
export function foreignPageRule({ headers }: IncomingMessage): Refused | null {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return null;
  const leads =
    headers['sec-fetch-mode'] === 'navigate' && !FRAMES.has(String(headers['sec-fetch-dest']));
  return leads ? null : { code: 'foreign_page', status: 403 };
}

/**
 * A write must come from a page of ours: Origin is ours, or, only where Origin is absent, the browser itself says
 * `same-origin`. Next accepts an absent Origin, so this is decided before it.
 */
export function sameOriginRule(request: IncomingMessage, env: Env): Refused | null {
  if (request.method === 'GET' || request.method === 'HEAD') return null;
  if (request.method !== 'POST') return { code: 'method', status: 405 };
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY)
    return { code: 'too_large', status: 413 };
  const { origin } = request.headers;
  const ours = env.publicUrl
    ? [env.publicUrl.origin]
    : [`http://${request.headers.host}`, `https://${request.headers.host}`];
  const proven =
    origin === undefined
      ? request.headers['sec-fetch-site'] === 'same-origin'
      : ours.includes(origin);
  return proven ? null : { code: 'foreign_origin', status: 403 };
}
