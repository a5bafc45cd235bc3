import type { IncomingMessage } from 'node:http';

/*
 * Headers that proxies, load balancers and CDNs add and that no browser sends by itself. They are a second guard
 * only: a bare `proxy_pass` adds none, so without sign-in it is the session of this machine that decides.
 */
const NAMES = new Set([
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

const PREFIXES = [
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

/** Anywhere in a name, whoever put a name of their own before or after. */
const PARTS = /(^|-)(via|client-?ip|cdn|cloudfront|ssl-client)(-|$)|forward(ed|s)/;

/** `name` in small letters. Some servers on the way write `_` for `-`. */
export function isProxyHeader(name: string): boolean {
  const plain = name.replaceAll('_', '-');
  return (
    NAMES.has(plain) || PREFIXES.some((prefix) => plain.startsWith(prefix)) || PARTS.test(plain)
  );
}

/** Whether a proxy on the way has left a trace. */
export function hasProxyHeader({ headers }: IncomingMessage): boolean {
  return Object.keys(headers).some(isProxyHeader);
}
