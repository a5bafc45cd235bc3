import { SignJWT, decodeJwt, decodeProtectedHeader, generateKeyPair } from 'jose';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type TestGateway, openGateway, captureOutput } from '../../test/harness/gateway';
import {
  CLIENT,
  TestBrowser,
  type TestProvider,
  startProvider,
} from '../../test/harness/oidc-provider';

const SECRET = '7f3a9c0e5b2d4816a7c3e9f0d1b5a264';
let gateway: TestGateway;
let provider: TestProvider | undefined;
let origin: string;
let base: string;

/** Provider and console need each other's port before they start. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function open({
  basePath = '',
  clientAuth,
  ...variables
}: { basePath?: string; clientAuth?: 'client_secret_post' } & Record<
  string,
  string | undefined
> = {}): Promise<void> {
  const port = await freePort();
  origin = `http://localhost:${port}`;
  base = origin + basePath;
  provider = await startProvider(base, clientAuth);
  provider.account = {
    sub: '42',
    email: 'alice@example.com',
    email_verified: true,
    name: '有栖',
    groups: ['ops', ...Array.from({ length: 300 }, (_, n) => `group-of-no-matter-${n}`)],
  };
  gateway = await openGateway(
    {
      AUTH_MODE: 'oidc',
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      SESSION_SECRET: SECRET,
      BASE_PATH: basePath,
      PUBLIC_URL: base,
      ROLE_ADMINS: 'boss@example.com',
      ROLE_OPERATORS: 'group:ops',
      ROLE_VIEWERS: '@example.com',
      WRITE_RATE_LIMIT: '0',
      SEARCH_RATE_LIMIT: '0',
      ...(variables as Record<string, string>),
    },
    port,
  );
}
afterEach(async () => {
  vi.useRealTimers();
  await gateway.close();
  await provider?.stop();
  provider = undefined;
});

const SESSION = 'gjc_session';
const jarOf = (browser: TestBrowser) => browser.cookies.get(origin) ?? new Map<string, string>();
const sessionOf = (browser: TestBrowser) => jarOf(browser).get(SESSION);
const signedIn = async (path = '/jobs') => {
  const browser = new TestBrowser();
  const { response, url } = await browser.follow(base + path);
  expect([response?.status, url]).toEqual([200, base + path]);
  return browser;
};
const viewerOf = (browser: TestBrowser, headers: Record<string, string> = {}) =>
  gateway
    .send(`${new URL(base).pathname.replace(/\/$/, '')}/jobs`, {
      headers: { ...browser.header(origin), ...headers },
    })
    .then(({ seen }) => seen?.headers['x-gjc-viewer']);

describe('signing in', () => {
  it('signing in redirects to the provider and back to the requested page', async () => {
    await open();
    const browser = await signedIn('/jobs?state=discarded&q=%E8%AB%8B%E6%B1%82');
    expect(await viewerOf(browser)).toBe(
      `operator:alice%40example.com:alice%40example.com:${encodeURIComponent('有栖')}`,
    );
    expect([...jarOf(browser).keys()]).toEqual([SESSION]);
    const { seen } = await gateway.send('/jobs', {
      headers: { cookie: `gjc_theme=dark; ${browser.header(origin).cookie}` },
    });
    expect(seen?.headers.cookie).toBe('gjc_theme=dark');
    expect(JSON.stringify(seen)).not.toContain(String(sessionOf(browser)));
  });
  it('signing in works with a base path and with client_secret_post', async () => {
    await open({ basePath: '/ops/good_job', clientAuth: 'client_secret_post' });
    const browser = await signedIn('/jobs');
    expect(await viewerOf(browser)).toMatch(/^operator:/);
    for (const path of ['/jobs', '/ops/good_jobx', '/ops'])
      expect((await browser.get(origin + path)).status).toBe(404);
  });
  it('signing in uses PKCE, state, nonce and the callback of PUBLIC_URL', async () => {
    await open();
    const answer = await gateway.send('/auth/sign-in', {
      headers: {
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Proto': 'https',
        Forwarded: 'host=evil.example',
      },
    });
    const params = new URL(String(answer.headers.location)).searchParams;
    expect(Object.fromEntries(params)).toMatchObject({
      response_type: 'code',
      redirect_uri: `${base}/auth/callback`,
      code_challenge_method: 'S256',
      client_id: CLIENT.id,
    });
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(params.get(name)?.length).toBeGreaterThan(40);
    const [cookie = ''] = answer.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(cookie).not.toContain(String(params.get('state')).slice(0, 20));
  });
  it('signing in answers 401 to fetches and writes instead of redirecting', async () => {
    await open();
    const get = (path: string, headers: Record<string, string> = {}) =>
      gateway.send(path, { headers });
    expect(await get('/api/jobs')).toMatchObject({ status: 401, body: '{"error":"signed_out"}' });
    expect((await get('/jobs', { RSC: '1' })).status).toBe(401);
    expect((await get('/jobs', { 'Sec-Fetch-Mode': 'cors' })).status).toBe(401);
    expect((await get('/jobs', { Accept: 'application/json' })).status).toBe(401);
    expect(
      (await get('/api/jobs/export', { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' })).status,
    ).toBe(303);
    expect(
      await gateway.send('/jobs', {
        method: 'POST',
        headers: { Origin: origin, 'Next-Action': 'x' },
      }),
    ).toMatchObject({ status: 401, body: 'signed_out' });
    const form = await gateway.send('/jobs', {
      method: 'POST',
      headers: { Origin: origin, 'Accept-Language': 'ja' },
    });
    expect(form.status).toBe(401);
    expect(form.body).toContain('href="/auth/sign-in"');
    for (const path of ['/healthz', '/readyz', '/_next/static/chunks/a.js', '/icon.svg'])
      expect((await get(path)).status, path).toBe(200);
    for (const path of [
      '/_next/image',
      '/_next/data/x',
      '/healthz/',
      '/healthzx',
      '/_next/static',
      '/_next/static/%2fjobs',
      '/icon.svg/x',
    ])
      expect((await get(path)).seen, path).toBeNull();
  });
  it('signing in reports an unreachable provider', async () => {
    await open();
    await provider?.stop();
    const { text } = await captureOutput(async () =>
      expect(
        (await gateway.send('/auth/sign-in', { headers: { 'Accept-Language': 'ja' } })).body,
      ).toContain('認証プロバイダーが応答していません'),
    );
    expect(text).not.toContain(CLIENT.secret);
  });
});

describe('the limit on sign-ins', () => {
  const LIMIT = 300;
  const from = (client: string) => ({ 'X-Forwarded-For': client });
  const status = async (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    (await gateway.send(path, { method, headers })).status;
  const spend = async (headers: Record<string, string>, points = LIMIT) => {
    for (let n = 0; n < points; n += 1)
      expect(await status('/auth/sign-in', headers), String(n)).toBe(303);
    if (points === LIMIT)
      await captureOutput(async () => expect(await status('/auth/sign-in', headers)).toBe(429));
  };

  it('the sign-in limit of one client behind the proxy does not affect other clients', async () => {
    await open({ TRUSTED_PROXIES: '127.0.0.1' });
    await spend(from('6.6.6.6, 203.0.113.9'));
    await captureOutput(async () => {
      expect(await status('/auth/sign-in', from('7.7.7.7, 203.0.113.9'))).toBe(429);
    });
    expect(await status('/auth/sign-in', from('203.0.113.9, 203.0.113.10'))).toBe(303);
    expect(await status('/auth/sign-in')).toBe(303);
    const browser = await signedIn();
    expect(await viewerOf(browser)).toMatch(/^operator:/);
  });
  it('the sign-in limit counts an IPv6 client by its /64', async () => {
    await open({ TRUSTED_PROXIES: '127.0.0.0/8' });
    await spend(from('2001:db8:1:2::1'));
    await captureOutput(async () =>
      expect(await status('/auth/sign-in', from('2001:db8:1:2:3::4'))).toBe(429),
    );
    expect(await status('/auth/sign-in', from('2001:db8:1:3::1'))).toBe(303);
  });
  it('the sign-in limit uses the socket’s address without TRUSTED_PROXIES and warns once', async () => {
    await open();
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    await spend(from('203.0.113.9'));
    await captureOutput(async () =>
      expect(await status('/auth/sign-in', from('203.0.113.10'))).toBe(429),
    );
    expect(warn.mock.calls).toEqual([[expect.stringContaining('TRUSTED_PROXIES')]]);
    warn.mockRestore();
  });
  it('the sign-in limit does not count requests that do not call the provider', async () => {
    await open();
    const browser = await signedIn();
    await captureOutput(async () => {
      for (let n = 0; n < LIMIT + 1; n += 1) {
        expect(await status('/auth/signed-out')).toBe(200);
        expect(await status('/auth/callback?state=x&code=y')).toBe(400);
        expect(await status('/auth/no-such-page')).toBe(303);
        expect(await status('/auth/sign-out', { Origin: origin }, 'POST')).toBe(303);
      }
    });
    await spend({}, LIMIT - 2); // the sign-in used two
    expect((await browser.post(`${base}/auth/sign-out`, { origin })).status).toBe(200);
    expect(sessionOf(browser)).toBeUndefined();
    expect((await browser.get(`${base}/auth/signed-out`)).status).toBe(200);
  });
  it('the sign-in limit counts the code exchange, which can be retried later', async () => {
    await open();
    vi.useFakeTimers({ toFake: ['Date'] });
    const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
    await spend({}, LIMIT - 1);
    later(30);
    const browser = new TestBrowser();
    const { url } = await browser.follow(`${base}/auth/sign-in`, '/auth/callback');
    await captureOutput(async () => {
      const answer = await browser.get(url);
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    });
    later(31);
    expect((await browser.get(url)).status).toBe(303);
    expect(sessionOf(browser)).toBeDefined();
  });
});

describe('roles', () => {
  it('roles are granted only to verified email addresses', async () => {
    await open();
    if (!provider) return;
    provider.account = { sub: '7', email: 'boss@example.com', email_verified: false };
    const { response } = await new TestBrowser().follow(`${base}/jobs`);
    expect(response?.status).toBe(403);
    expect(await response?.text()).toContain('action="/auth/sign-out"');
    provider.account = { sub: '8', email: 'boss@example.com' };
    expect((await new TestBrowser().follow(`${base}/jobs`)).response?.status).toBe(403);
    provider.account = { sub: '9', email: 'BOSS@example.com', email_verified: true };
    expect(await viewerOf(await signedIn())).toMatch(/^admin:/);
  });
  it('roles are not granted if the provider omitted the groups', async () => {
    await open();
    if (!provider) return;
    provider.account = { sub: '7', _claim_names: { groups: 'src1' } };
    const { response } = await new TestBrowser().follow(`${base}/jobs`);
    expect(response?.status).toBe(403);
    expect(await response?.text()).toContain('so many groups');
  });
});

describe('the callback', () => {
  const toCallback = async (browser: TestBrowser) =>
    (await browser.follow(`${base}/auth/sign-in`, '/auth/callback')).url;
  /** `auditCode` is null for a harmless refusal that is not audited. */
  async function expectRefused(
    browser: TestBrowser,
    url: string,
    auditCode: string | null,
    status = 400,
  ): Promise<void> {
    const initialSession = sessionOf(browser);
    const { audits, text } = await captureOutput(async () =>
      expect((await browser.get(url)).status).toBe(status),
    );
    expect(sessionOf(browser)).toBe(initialSession);
    expect(audits.map(({ error }) => error)).toEqual(auditCode === null ? [] : [auditCode]);
    expect(text).not.toContain(new URL(url).searchParams.get('state') || 'no state');
  }
  it('the callback is accepted once', async () => {
    await open();
    const browser = new TestBrowser();
    const url = await toCallback(browser);
    const pending = new Map(jarOf(browser));
    expect((await browser.get(url)).status).toBe(303);
    await expectRefused(browser, url, 'sign_in_used');
    // The restored cookie of that sign-in is refused, because its state is used.
    const thief = new TestBrowser();
    thief.cookies.set(origin, pending);
    await expectRefused(thief, url, 'sign_in_used');
    expect(sessionOf(thief)).toBeUndefined();
  });
  it('the callback is accepted only in the browser that started the sign-in', async () => {
    await open();
    const url = await toCallback(new TestBrowser());
    const victim = new TestBrowser();
    await expectRefused(victim, url, null);
    await toCallback(victim); // with its own sign-in in progress
    await expectRefused(victim, url, 'sign_in_foreign');
  });
  it('the callback is refused with a wrong state or the code of another sign-in', async () => {
    await open();
    const browser = new TestBrowser();
    const url = new URL(await toCallback(browser));
    const other = new URL(await toCallback(new TestBrowser()));
    const changed = (change: (params: URLSearchParams) => void) => {
      const copy = new URL(url);
      change(copy.searchParams);
      return copy.href;
    };
    const state = String(url.searchParams.get('state'));
    await expectRefused(
      browser,
      changed((params) => params.set('state', other.searchParams.get('state') ?? '')),
      'sign_in_foreign',
    );
    await expectRefused(
      browser,
      changed((params) => params.set('state', `${state.slice(0, 8)}${'x'.repeat(35)}`)),
      'sign_in_foreign',
    );
    await expectRefused(
      browser,
      changed((params) => params.append('state', state)),
      'sign_in_foreign',
    );
    await expectRefused(
      browser,
      changed((params) => params.delete('state')),
      'sign_in_foreign',
    );
    await expectRefused(browser, `${base}/auth/callback`, 'sign_in_foreign');
    // The code of another sign-in does not match PKCE and the nonce.
    await expectRefused(
      browser,
      changed((params) => params.set('code', other.searchParams.get('code') ?? '')),
      'sign_in_refused',
      403,
    );
  });
  it('the callback is refused from another issuer or with an error', async () => {
    await open();
    for (const change of [
      { iss: 'https://evil.example' },
      { error: 'access_denied', error_description: '<script>alert(1)</script>' },
    ]) {
      const browser = new TestBrowser();
      const url = new URL(await toCallback(browser));
      for (const [name, value] of Object.entries(change)) url.searchParams.set(name, value);
      await captureOutput(async () => {
        const answer = await browser.get(url.href);
        expect(answer.status).toBe(403);
        expect(await answer.text()).not.toMatch(/script>|evil/);
      });
      expect(sessionOf(browser)).toBeUndefined();
    }
  });
  it('the callback is refused with an ID token not signed by the provider', async () => {
    await open();
    const { privateKey } = await generateKeyPair('RS256');
    const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const asBoss = (token: string) => ({
      ...decodeJwt(token),
      email: 'boss@example.com',
      email_verified: true,
      groups: ['ops'],
    });
    const forgeries: ((token: string) => string | Promise<string>)[] = [
      (token) => `${token.split('.')[0]}.${base64(asBoss(token))}.${token.split('.')[2]}`,
      (token) =>
        new SignJWT(asBoss(token))
          .setProtectedHeader({ alg: 'RS256', kid: decodeProtectedHeader(token).kid })
          .sign(privateKey),
      (token) => `${base64({ alg: 'none' })}.${base64(asBoss(token))}.`,
      (token) =>
        new SignJWT(asBoss(token))
          .setProtectedHeader({ alg: 'HS256' })
          .sign(Buffer.from(CLIENT.secret)),
    ];
    for (const forge of forgeries) {
      if (provider) provider.forge = forge;
      const browser = new TestBrowser();
      await expectRefused(browser, await toCallback(browser), 'sign_in_refused', 403);
      expect(sessionOf(browser)).toBeUndefined();
    }
  });
  it('the callback never redirects to another origin', async () => {
    await open({ basePath: '/ops/good_job' });
    const browser = new TestBrowser();
    for (const returnTo of [
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      '/ops/good_job/../../x',
      '/ops/good_jobx',
      '/jobs',
      'javascript:alert(1)',
      '/ops/good_job/\nx',
      '/ops/good_job/%2e%2e/x',
      '/ops/good_job//evil.example/..',
      '/ops/good_job/auth/sign-in',
    ]) {
      const { url } = await browser.follow(
        `${base}/auth/sign-in?return_to=${encodeURIComponent(returnTo)}`,
      );
      expect(new URL(url).origin, returnTo).toBe(origin);
      expect(new URL(url).pathname, returnTo).toBe('/ops/good_job');
    }
    expect(
      (
        await browser.follow(
          `${base}/auth/sign-in?return_to=${encodeURIComponent('/ops/good_job/jobs?state=x')}`,
        )
      ).url,
    ).toBe(`${base}/jobs?state=x`);
  });
});

describe('a session', () => {
  it('a session is replaced at each sign-in, which ends the previous one', async () => {
    await open();
    const browser = await signedIn();
    const oldCookie = browser.header(origin);
    await browser.follow(`${base}/auth/sign-in`);
    expect(browser.header(origin)).not.toEqual(oldCookie);
    expect((await gateway.send('/jobs', { headers: oldCookie })).seen).toBeNull();
    expect(await viewerOf(browser)).toMatch(/^operator:/);
  });
  it('a session is refused if the cookie is foreign, modified or repeated', async () => {
    await open();
    const browser = await signedIn();
    const good = String(sessionOf(browser));
    const pending = new TestBrowser();
    await pending.follow(`${base}/auth/sign-in`, '/auth/callback');
    const [signIn = ''] = jarOf(pending).values();
    const changed = [...good]
      .map((char, at) => {
        if (at !== good.length - 30) return char;
        return char === 'A' ? 'B' : 'A';
      })
      .join('');
    for (const value of [
      signIn,
      changed,
      good.slice(0, -2),
      `${good}x`,
      '',
      'x',
      'a.b.c.d.e',
      `${Buffer.from('{"alg":"none"}').toString('base64url')}....`,
      Buffer.from('{"session":{}}').toString('base64url'),
    ])
      expect(
        (await gateway.send('/jobs', { headers: { cookie: `${SESSION}=${value}` } })).seen,
        value.slice(0, 30),
      ).toBeNull();
    expect(
      (
        await gateway.send('/jobs', {
          headers: { cookie: `${SESSION}=${good}; ${SESSION}=${good}` },
        })
      ).seen,
    ).toBeNull();
    expect(
      (await gateway.send('/jobs', { headers: { cookie: `${SESSION}=${good}` } })).seen,
    ).not.toBeNull();
  });
  it('a session of one console is refused by another with the same secret', async () => {
    await open();
    const browser = await signedIn();
    const cookie = browser.header(origin);
    await gateway.close();
    await provider?.stop();
    await open();
    expect((await gateway.send('/jobs', { headers: cookie })).seen).toBeNull();
  });
  it('a session ends after the idle time despite polling, and after the maximum time', async () => {
    await open({ SESSION_IDLE_MINUTES: '10', SESSION_MAX_HOURS: '0.5' });
    const browser = await signedIn();
    vi.useFakeTimers({ toFake: ['Date'] });
    const later = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000);
    const statusOf = async (path = '/jobs') => (await browser.get(base + path)).status;
    later(9);
    expect(await statusOf()).toBe(200); // restarts the idle time
    for (let n = 0; n < 3; n++) {
      later(3);
      expect(await statusOf('/api/jobs')).toBe(200);
    }
    later(2);
    expect(await statusOf('/api/jobs')).toBe(401);
    expect(await statusOf()).toBe(303);
    await browser.follow(`${base}/jobs`);
    for (let n = 0; n < 3; n++) {
      later(9);
      expect(await statusOf()).toBe(200);
    }
    later(4);
    expect(await statusOf()).toBe(303); // SESSION_MAX_HOURS has passed
  });
  it('a session survives secret rotation while the old secret is still configured', async () => {
    await open();
    const browser = await signedIn();
    const port = gateway.port;
    const issuer = String(provider?.issuer);
    const restart = (secret: string) =>
      openGateway(
        {
          AUTH_MODE: 'oidc',
          OIDC_ISSUER: issuer,
          OIDC_CLIENT_ID: CLIENT.id,
          OIDC_CLIENT_SECRET: CLIENT.secret,
          SESSION_SECRET: secret,
          PUBLIC_URL: base,
          ROLE_VIEWERS: '*',
        },
        port,
      );
    await gateway.close();
    gateway = await restart(`e19b46d0835fa7c2e19b46d0835fa7c1,${SECRET}`);
    expect(await viewerOf(browser)).toMatch(/^viewer:/);
    await gateway.close();
    gateway = await restart('e19b46d0835fa7c2e19b46d0835fa7c1');
    expect(await viewerOf(browser)).toBeUndefined();
  });
});

describe('signing out', () => {
  it('signing out ends the session and its copies and redirects to the provider', async () => {
    await open();
    const browser = await signedIn();
    const copy = browser.header(origin);
    const answer = await browser.post(`${base}/auth/sign-out`, { origin });
    expect(answer.status).toBe(200);
    expect(sessionOf(browser)).toBeUndefined();
    const href =
      /content="0; url=([^"]+)"/.exec(await answer.text())?.[1]?.replaceAll('&#38;', '&') ?? '';
    expect(href.startsWith(`${provider?.issuer}/session/end?`)).toBe(true);
    expect(new URL(href).searchParams.get('post_logout_redirect_uri')).toBe(
      `${base}/auth/signed-out`,
    );
    expect(new URL(href).searchParams.get('id_token_hint')).toMatch(/^ey/);
    expect((await gateway.send('/jobs', { headers: copy })).seen).toBeNull();
    expect((await browser.get(`${base}/auth/signed-out`)).status).toBe(200);
  });
  it('signing out is accepted only from a page of the console', async () => {
    await open();
    const browser = await signedIn();
    for (const headers of [{}, { origin: 'null' }, { origin: 'http://evil.example' }] as Record<
      string,
      string
    >[]) {
      await captureOutput(async () =>
        expect((await browser.post(`${base}/auth/sign-out`, headers)).status).toBe(403),
      );
      expect(await viewerOf(browser)).toMatch(/^operator:/);
    }
    expect((await browser.get(`${base}/auth/sign-out`)).status).toBe(200); // forwarded to Next, which has no such page
    expect(await viewerOf(browser)).toMatch(/^operator:/);
  });
});
