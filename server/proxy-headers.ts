import type { IncomingMessage } from 'node:http';

/*
 * Headers that proxies, load balancers and CDNs add and that no browser sends by itself. They are a second guard
 * only: a bare `proxy_pass` adds none, so without sign-in it is the session of this machine that decides.
 */
const NAMES = new Set([
  'cdn-loop',
  'do-connecting-ip',
  'forwarded',
  'rndr-id',
  'true-client-ip',
  'via',
  'x-cloud-trace-context',
  'x-cluster-client-ip',
  'x-queue-start',
  'x-request-start',
  'x-rewrite-url',
  'x-scheme',
  'x-varnish',
  'wl-proxy-client-ip',
]);

const PREFIXES = [
  'akamai-',
  'cdn-',
  'cf-',
  'fastly-',
  'fly-',
  'incap-',
  'proxy-client-',
  'remote-',
  'tailscale-',
  'x-akamai-',
  'x-amz-cf-',
  'x-amzn-',
  'x-appengine-',
  'x-appgw-',
  'x-arr-',
  'x-auth-request-',
  'x-azure-',
  'x-client-ip',
  'x-client-real-ip',
  'x-edge-',
  'x-envoy-',
  'x-fastly-',
  'x-fd-',
  'x-forward',
  'x-goog-',
  'x-haproxy-',
  'x-host',
  'x-nf-',
  'x-nginx-',
  'x-original-',
  'x-proxy',
  'x-real-',
  'x-remote-',
  'x-sucuri-',
  'x-traefik-',
  'x-vercel-',
];

/** `name` in small letters. */
export function isProxyHeader(name: string): boolean {
  return NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Whether a proxy on the way has left a trace. */
export function hasProxyHeader({ headers }: IncomingMessage): boolean {
  return Object.keys(headers).some(isProxyHeader);
}
