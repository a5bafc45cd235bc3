import type { IncomingMessage } from 'node:http';

/*
 * Headers that proxies, load balancers and CDNs add and no browser sends. This is a second line of
 * defence: a bare `proxy_pass` adds no header, so without sign-in the local session decides.
 */
const HEADER_NAMES = new Set([
  'do-connecting-ip',
  'rndr-id',
  'x-cloud-trace-context',
  'x-queue-start',
  'x-request-start',
  'x-rewrite-url',
  'x-scheme',
  'x-url-scheme',
  'x-varnish',
]);

const HEADER_PREFIXES = [
  'akamai-',
  'cf-',
  'fastly-',
  'fly-',
  'front-end-',
  'incap-',
  'ngrok-',
  'proxy-',
  'remote-',
  'surrogate-',
  'tailscale-',
  'x-akamai-',
  'x-amz-cf-',
  'x-amzn-',
  'x-appengine-',
  'x-appgw-',
  'x-arr-',
  'x-auth-request-',
  'x-azure-',
  'x-client-real-ip',
  'x-edge-',
  'x-envoy-',
  'x-fastly-',
  'x-fd-',
  'x-forward',
  'x-goog-',
  'x-haproxy-',
  'x-host',
  'x-ms-client-',
  'x-nf-',
  'x-nginx-',
  'x-ngrok-',
  'x-original-',
  'x-proxy',
  'x-real-',
  'x-remote-',
  'x-ssl-',
  'x-sucuri-',
  'x-traefik-',
  'x-vercel-',
];

/** Matches vendor-specific names that contain one of these parts. */
const HEADER_PATTERN = /(^|-)(via|client-?ip|cdn|cloudfront|ssl-client)(-|$)|forward(ed|s)/;

/** `name` is lower case. Some servers replace `-` with `_`. */
function isProxyHeader(name: string): boolean {
  const normalized = name.replaceAll('_', '-');
  return (
    HEADER_NAMES.has(normalized) ||
    HEADER_PREFIXES.some((prefix) => normalized.startsWith(prefix)) ||
    HEADER_PATTERN.test(normalized)
  );
}

/** Whether the request has a header that only a proxy adds. */
export function hasProxyHeader({ headers }: IncomingMessage): boolean {
  return Object.keys(headers).some(isProxyHeader);
}
