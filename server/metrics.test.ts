import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readEnv } from '../lib/config/environment';
import { metricsAccess, classifyRoute } from './metrics';

const TOKEN = 'a-token-of-the-tests';
const base = { DATABASE_URL: 'postgres://localhost/app' };
const proxied = {
  ...base,
  AUTH_MODE: 'proxy-header',
  AUTH_PROXY_SECRET: '7f3a9c0e5b2d4816a7c3e9f0d1b5a264',
  ROLE_VIEWERS: '*',
};
const oidc = {
  ...base,
  AUTH_MODE: 'oidc',
  OIDC_ISSUER: 'https://id.example.com',
  OIDC_CLIENT_ID: 'a',
  OIDC_CLIENT_SECRET: 'b',
  PUBLIC_URL: 'https://ops.example.com',
  SESSION_SECRET: '7f3a9c0e5b2d4816a7c3e9f0d1b5a264',
  ROLE_VIEWERS: '*',
};

function requestMetrics(
  env: Record<string, string>,
  headers: Record<string, string> = {},
  remoteAddress = '127.0.0.1',
): number {
  const all: Record<string, string> = {
    host: 'localhost:3000',
    'user-agent': 'Prometheus',
    accept: 'text/plain',
    ...headers,
  };
  return metricsAccess(
    {
      headers: all,
      rawHeaders: Object.entries(all).flat(),
      socket: { remoteAddress },
    } as unknown as IncomingMessage,
    readEnv(env),
  );
}

describe('without METRICS_TOKEN', () => {
  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1'])(
    'answers a client on this machine (%s) without METRICS_TOKEN',
    (address) => {
      expect(requestMetrics(base, {}, address)).toBe(200);
      expect(requestMetrics(proxied, {}, address)).toBe(200);
    },
  );
  it.each(['10.0.0.5', '::ffff:10.0.0.5', 'fe80::1', ''])('hides metrics from %j', (address) =>
    expect(requestMetrics(base, {}, address)).toBe(404),
  );
  it.each([
    { 'X-Forwarded-For': '127.0.0.1' },
    { 'x-real-ip': '127.0.0.1' },
    { Forwarded: 'for=127.0.0.1' },
    { host: 'ops.example.com' },
  ])('hides metrics behind a proxy: %o', (headers) => {
    const lowerCase = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    expect(requestMetrics(base, lowerCase)).toBe(404);
    expect(requestMetrics(proxied, lowerCase)).toBe(404);
  });
  it.each<Record<string, string>>([
    { 'x-auth-proxy-secret': '7f3a9c0e5b2d4816a7c3e9f0d1b5a264' },
    { 'x-forwarded-user': 'a' },
    { cookie: 'a=b' },
    { via: '1.1 proxy' },
    { authorization: 'Bearer x' },
  ])('hides metrics behind an auth proxy: %o', (headers) =>
    expect(requestMetrics(proxied, headers)).toBe(404),
  );
  it('hides metrics with oidc, because a proxy may add no header', () =>
    expect(requestMetrics(oidc)).toBe(404));
});

describe('with METRICS_TOKEN', () => {
  const env = { ...proxied, METRICS_TOKEN: TOKEN };
  it('answers any client with the token', () => {
    expect(
      requestMetrics(
        env,
        {
          authorization: `Bearer ${TOKEN}`,
          'x-forwarded-for': '10.0.0.5',
          host: 'ops.example.com',
        },
        '10.0.0.5',
      ),
    ).toBe(200);
    expect(
      requestMetrics({ ...oidc, METRICS_TOKEN: TOKEN }, { authorization: `bearer ${TOKEN}` }),
    ).toBe(200);
  });
  it.each([
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
    `Bearer ${TOKEN}, Bearer x`,
    `Bearer ${TOKEN} x`,
  ])('refuses a wrong token even from this machine: %s', (authorization) =>
    expect(requestMetrics(env, authorization ? { authorization } : {})).toBe(401),
  );
  it.each(['short', 'with spaces in the token', 'ünicode-ünicode-ünicode'])(
    'an invalid METRICS_TOKEN aborts startup: %s',
    (token) => expect(() => readEnv({ ...base, METRICS_TOKEN: token })).toThrow(/METRICS_TOKEN/),
  );
});

it('classifyRoute returns one of a fixed set of classes for any path', () => {
  expect(
    ['/jobs', '/jobs/x', '/%3Cscript%3E', '/', ''].map((path) => classifyRoute('GET', path)),
  ).toEqual(['page', 'page', 'page', 'page', 'page']);
  expect(classifyRoute('POST', '/jobs')).toBe('action');
  expect(
    [
      '/api/jobs',
      '/api/jobs/export',
      '/_next/static/x.js',
      '/healthz',
      '/auth/callback',
      '/metrics',
    ].map((path) => classifyRoute('GET', path)),
  ).toEqual(['api', 'download', 'static', 'probe', 'auth', 'metrics']);
});
