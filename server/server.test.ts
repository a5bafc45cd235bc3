import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readEnv } from '../lib/config/environment';
import { contentSecurityPolicy, createNonce } from './headers';
import { loopbackRule, urlRule, sameOriginRule } from './request-rules';

const env = readEnv({ DATABASE_URL: 'postgres://localhost/app' });
const request = (headers: Record<string, string>, method = 'GET', url = '/') =>
  ({ headers, method, url }) as unknown as IncomingMessage;

describe('loopbackRule', () => {
  it.each(['localhost', 'localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'LOCALHOST'])(
    'accepts the host %s',
    (host) => expect(loopbackRule(request({ host }))).toBeNull(),
  );
  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    '0.0.0.0',
    'localhost:3000@evil',
    '',
    '10.0.0.1',
  ])('refuses the host %j', (host) =>
    expect(loopbackRule(request({ host }))).toMatchObject({ code: 'not_loopback' }),
  );
  it.each([
    'forwarded',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-whatever',
    'x-real-ip',
    'via',
    'cf-connecting-ip',
    'cf-ray',
    'cdn-loop',
    'true-client-ip',
    'x-client-ip',
    'x-cluster-client-ip',
    'x-envoy-external-address',
    'x-amzn-trace-id',
    'x-amz-cf-id',
    'x-original-host',
    'x-original-forwarded-for',
    'x-azure-clientip',
    'x-arr-log-id',
    'x-appengine-user-ip',
    'x-cloud-trace-context',
    'x-goog-authenticated-user-email',
    'x-auth-request-user',
    'remote-user',
    'fastly-client-ip',
    'fly-client-ip',
    'x-vercel-forwarded-for',
    'x-nf-client-connection-ip',
    'x-varnish',
    'tailscale-user-login',
    'client-ip',
    'x-true-client-ip',
    'x-url-scheme',
    'front-end-https',
    'cloudfront-viewer-country',
    'x-cloudfront-id',
    'x-ngrok-user',
    'ngrok-auth-user-email',
    'ali-cdn-real-ip',
    'x-cdn',
    'x-bluecoat-via',
    'z-forwarded-for',
    'x-forwardedfor',
    'x-ssl-client-verify',
    'x-ssl-cipher',
    'ssl-client-cert',
    'x-ms-client-principal',
    'x_forwarded_for',
    'x_real_ip',
    'client_ip',
    'company-via',
    'wl-proxy-client-ip',
    'x-cluster_client-ip',
  ])('refuses the proxy header %s', (name) =>
    expect(loopbackRule(request({ host: 'localhost', [name]: '1' }))).toMatchObject({
      code: 'forwarded',
    }),
  );
  it('accepts every header that browsers and tools send, one at a time', () => {
    const names = `accept accept-encoding accept-language cache-control connection content-length
      content-type cookie dnt downlink if-modified-since if-none-match next-action
      next-router-prefetch next-router-state-tree next-url origin pragma priority purpose range
      referer rsc save-data sec-ch-device-memory sec-ch-ua sec-ch-viewport-width sec-fetch-dest
      sec-fetch-mode sec-fetch-site sec-fetch-user sec-gpc sec-purpose sec-websocket-key
      service-worker te traceparent upgrade-insecure-requests user-agent x-request-id
      x-requested-with`;
    for (const name of names.split(/\s+/))
      expect(loopbackRule(request({ host: 'localhost', [name]: '1' })), name).toBeNull();
  });
  it('accepts the headers of browsers and scrapers together', () => {
    const headers = Object.fromEntries(
      [
        'accept',
        'accept-encoding',
        'accept-language',
        'authorization',
        'cache-control',
        'connection',
        'content-length',
        'content-type',
        'cookie',
        'dnt',
        'if-none-match',
        'next-action',
        'next-router-state-tree',
        'next-url',
        'origin',
        'priority',
        'purpose',
        'referer',
        'rsc',
        'sec-ch-ua',
        'sec-fetch-site',
        'sec-gpc',
        'te',
        'traceparent',
        'upgrade-insecure-requests',
        'user-agent',
        'x-prometheus-scrape-timeout-seconds',
        'x-request-id',
        'x-requested-with',
      ].map((name) => [name, '1']),
    );
    expect(loopbackRule(request({ ...headers, host: 'localhost' }))).toBeNull();
  });
});

describe('urlRule', () => {
  it.each(['/jobs', '/jobs?q=%E8%AB%8B%E6%B1%82', '/jobs?a=100%25', '/jobs?x=a+b'])(
    'urlRule accepts the URL %s',
    (url) => expect(urlRule(request({}, 'GET', url))).toBeNull(),
  );
  it.each([
    '/%00',
    '/jobs?x=%00',
    '/%ff',
    '/%ED%A0%80',
    '/100%',
    '//evil.example/',
    '/a//b',
    '/%2e%2e/x',
    '/a/..;/b',
    '/a%2f..%5cb',
    '/%252e%252e/',
    'http://evil/',
    '/a\\b',
  ])('urlRule refuses the URL %s', (url) =>
    expect(urlRule(request({}, 'GET', url))).toMatchObject({ status: 400 }),
  );
});

describe('sameOriginRule', () => {
  const post = (headers: Record<string, string>) =>
    sameOriginRule(request({ host: 'localhost:3000', ...headers }, 'POST'), env);
  it("accepts the server's origin, or same-origin fetch metadata without an Origin", () => {
    expect(post({ origin: 'http://localhost:3000' })).toBeNull();
    expect(post({ 'sec-fetch-site': 'same-origin' })).toBeNull();
  });
  it.each([
    {},
    { origin: 'null' },
    { origin: 'http://evil.example' },
    { origin: 'http://localhost:3001' },
    { origin: '', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
  ])('sameOriginRule refuses a POST with the headers %o', (headers) =>
    expect(post(headers as Record<string, string>)).toMatchObject({
      code: 'foreign_origin',
      status: 403,
    }),
  );
  it('accepts only the origin of PUBLIC_URL if it is set', () => {
    const proxied = readEnv({
      DATABASE_URL: 'postgres://localhost/app',
      AUTH_MODE: 'none',
      I_KNOW_THIS_IS_OPEN: '1',
      PUBLIC_URL: 'https://ops.example.com',
    });
    const from = (origin: string) =>
      sameOriginRule(request({ host: 'localhost:3000', origin }, 'POST'), proxied);
    expect(from('https://ops.example.com')).toBeNull();
    expect(from('http://localhost:3000')).toMatchObject({ status: 403 });
  });
  it('refuses other methods and large bodies', () => {
    expect(sameOriginRule(request({}, 'DELETE'), env)).toMatchObject({ status: 405 });
    expect(post({ origin: 'http://localhost:3000', 'content-length': '2000000' })).toMatchObject({
      status: 413,
    });
  });
});

it('contentSecurityPolicy allows nothing inline and no other origin', () => {
  const policy = contentSecurityPolicy(createNonce(), false);
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  expect(policy).toMatch(/default-src 'none'/);
  expect(createNonce()).not.toBe(createNonce());
});
