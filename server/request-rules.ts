import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Env } from '../lib/config/environment';
import type { AuthRefusal } from './auth/types';
import { MAX_BODY_BYTES } from './body-limit';
import { hasProxyHeader } from './proxy-headers';

/** Why the gateway refuses a request. `code` is a message key `gateway.<code>`. */
export type RequestRefusal =
  | AuthRefusal
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

/** Bytes. The longest URL of the console (100 selected rows) is a third of this. */
const MAX_URL_LENGTH = 12_000;
const MAX_PARAMETERS = 400;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** A host name or IP address with an optional port. */
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,255})(:\d{1,5})?$/i;

/**
 * Refuses several Host headers: Node takes the first, a proxy may take the last, and `hostRule`
 * would check a different name. A request without the header passes (HTTP/1.0).
 */
export function singleHostRule({ rawHeaders, headers }: IncomingMessage): RequestRefusal | null {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === 'host') hosts += 1;
  const isOne = hosts === 1 && HOST.test(headers.host ?? '');
  return hosts === 0 || isOne ? null : { code: 'bad_host', status: 400 };
}

/**
 * Without sign-in the console serves this machine only: refuses a Host other than loopback (DNS
 * rebinding) and any proxy header, because a proxy would publish the console.
 */
export function loopbackRule(request: IncomingMessage): RequestRefusal | null {
  const host = request.headers.host ?? '';
  if (!LOOPBACK.test(host)) return { code: 'not_loopback', status: 403 };
  return hasProxyHeader(request) ? { code: 'forwarded', status: 403 } : null;
}

/**
 * Protects against DNS rebinding: accepts the host of PUBLIC_URL, ALLOWED_HOSTS, IP addresses and
 * names without a dot, which no outsider can register. In open mode without a configured host, a
 * name without a dot is refused too, because it may be any machine of the local network.
 */
export function hostRule(request: IncomingMessage, env: Env): RequestRefusal | null {
  if (env.auth.mode === 'none' && !env.auth.isOpen) return loopbackRule(request);
  const host = (request.headers.host ?? '').toLowerCase();
  const { publicUrl, allowedHosts } = env;
  const hasPublicName = publicUrl !== null || allowedHosts.length > 0;
  if (
    allowedHosts.includes(host) ||
    isUnregistrableHost(host, { allowsShortName: hasPublicName || env.auth.mode !== 'none' })
  )
    return null;
  if (!publicUrl) return { code: 'unknown_host', status: 403 };
  // Some clients send the default port of the scheme explicitly.
  const defaultPort = publicUrl.protocol === 'https:' ? ':443' : ':80';
  return host === publicUrl.host || host === publicUrl.host + defaultPort
    ? null
    : { code: 'foreign_host', status: 403 };
}

/** Whether no outsider can register the name; `allowsShortName` includes names without a dot. */
function isUnregistrableHost(
  host: string,
  { allowsShortName }: { allowsShortName: boolean },
): boolean {
  const [, address, name] =
    /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_.-]{1,255}))(?::\d{1,5})?$/.exec(host) ?? [];
  if (address !== undefined) return isIP(address) === 6;
  return (
    name !== undefined &&
    (isIP(name) === 4 || name === 'localhost' || (allowsShortName && !name.includes('.')))
  );
}

/**
 * The path and query must be valid percent-encoded UTF-8 without NUL. Absolute URLs and empty or
 * dot segments are refused, because proxies normalize them differently.
 */
export function urlRule(request: IncomingMessage): RequestRefusal | null {
  const url = request.url ?? '';
  if (url.length > MAX_URL_LENGTH) return { code: 'long_url', status: 414 };
  const refusal: RequestRefusal = { code: 'bad_url', status: 400 };
  const [path = '', ...query] = url.split('?');
  try {
    const text = decodeURIComponent(url.replaceAll('+', ' '));
    if (
      !path.startsWith('/') ||
      path.includes('//') ||
      url.includes('\\') ||
      url.includes('#') ||
      text.includes('\0') ||
      hasDotSegment(path)
    )
      return refusal;
  } catch {
    return refusal; // invalid UTF-8
  }
  return query.join('?').split('&').length > MAX_PARAMETERS
    ? { code: 'too_many_parameters', status: 400 }
    : null;
}

/** Finds `..`, `%2e%2e`, `%252e.`, `..;x`, `a%2f..%5cb`, which a proxy may resolve to a parent. */
function hasDotSegment(path: string): boolean {
  let text = path;
  for (let round = 0; round < 3; round++) {
    if (text.split(/[/\\]/).some((segment) => /^\.{1,2}(;|$)/.test(segment))) return true;
    const previous = text;
    text = text.replace(/%(2e|2f|5c|3b|25)/gi, (_, code: string) =>
      String.fromCharCode(parseInt(code, 16)),
    );
    if (text === previous) break;
  }
  return false;
}

/** Values of Sec-Fetch-Dest for embedded pages. */
const FRAMES = new Set(['iframe', 'frame', 'fencedframe', 'object', 'embed']);

/**
 * Another origin may link here but not fetch: its images would use up the viewer's rate limit and
 * database time. A request without fetch metadata does not come from a current browser and passes.
 */
export function foreignPageRule({ headers }: IncomingMessage): RequestRefusal | null {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return null;
  const isNavigation =
    headers['sec-fetch-mode'] === 'navigate' && !FRAMES.has(String(headers['sec-fetch-dest']));
  return isNavigation ? null : { code: 'foreign_page', status: 403 };
}

/**
 * A write needs the console's own Origin or, if the header is absent, `Sec-Fetch-Site:
 * same-origin`. Next would accept an absent Origin.
 */
export function sameOriginRule(request: IncomingMessage, env: Env): RequestRefusal | null {
  if (request.method === 'GET' || request.method === 'HEAD') return null;
  if (request.method !== 'POST') return { code: 'method', status: 405 };
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES)
    return { code: 'too_large', status: 413 };
  const { origin } = request.headers;
  const ours = env.publicUrl
    ? [env.publicUrl.origin]
    : [`http://${request.headers.host}`, `https://${request.headers.host}`];
  const isSameOrigin =
    origin === undefined
      ? request.headers['sec-fetch-site'] === 'same-origin'
      : ours.includes(origin);
  return isSameOrigin ? null : { code: 'foreign_origin', status: 403 };
}
