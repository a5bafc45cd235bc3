import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TestGateway, openGateway, captureOutput } from '../../test/harness/gateway';
import {
  CLIENT,
  TestBrowser,
  type TestProvider,
  startProvider,
} from '../../test/harness/oidc-provider';

const HOST = 'console.example.com';
const PUBLIC_URL = `https://${HOST}/ops/good_job`;
const PREFIX = '/ops/good_job';
let gateway: TestGateway;
let provider: TestProvider;

beforeEach(async () => {
  provider = await startProvider(PUBLIC_URL);
  gateway = await openGateway({
    AUTH_MODE: 'oidc',
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: CLIENT.id,
    OIDC_CLIENT_SECRET: CLIENT.secret,
    SESSION_SECRET: '7f3a9c0e5b2d4816a7c3e9f0d1b5a264',
    BASE_PATH: PREFIX,
    PUBLIC_URL,
    ROLE_VIEWERS: '*',
  });
});
afterEach(async () => {
  await gateway.close();
  await provider.stop();
});

interface Cookie {
  name: string;
  value: string;
  text: string;
}
const send = (path: string, cookie = '') =>
  gateway.send(PREFIX + path, { headers: { Host: HOST, Accept: 'text/html', cookie } });
const cookiesOf = (headers: { 'set-cookie'?: string[] }): Cookie[] =>
  (headers['set-cookie'] ?? []).map((text) => {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
    return { name, value, text };
  });
const viewerOf = async (cookie: string) =>
  (await send('/jobs', cookie)).seen?.headers['x-gjc-viewer'];

/** Starts a sign-in and returns its cookie and the callback path. */
async function startSignIn(sub: string): Promise<{ pending: Cookie; callback: string }> {
  provider.account = { sub };
  const response = await send('/auth/sign-in');
  const [pending] = cookiesOf(response.headers);
  const { url } = await new TestBrowser().follow(
    String(response.headers.location),
    '/auth/callback',
  );
  if (!pending) throw new Error('The sign-in has no cookie.');
  return { pending, callback: url.slice(PUBLIC_URL.length) };
}
async function signIn(sub: string): Promise<Cookie> {
  const { pending, callback } = await startSignIn(sub);
  const answer = await send(callback, `${pending.name}=${pending.value}`);
  const session = cookiesOf(answer.headers).find(({ name }) => name.endsWith('session'));
  if (!session) throw new Error('The sign-in set no session cookie.');
  return session;
}

it('a session cookie planted by a sibling domain is refused', async () => {
  const mine = await signIn('mine');
  const planted = await signIn('attacker');
  expect(mine.text).toMatch(/^__Host-.+; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
  expect(await viewerOf(`${mine.name}=${mine.value}`)).toMatch(/mine/);
  const bare = mine.name.replace('__Host-', '');
  for (const name of [
    bare,
    `__Secure-${bare}`,
    `__host-${bare}`,
    'gjc_session',
    '__Secure-gjc_session',
    '__Host-gjc_session',
    `\u00a0${mine.name}`,
  ]) {
    const value = `${name}=${planted.value}`;
    expect(await viewerOf(value), name).toBeUndefined();
    for (const both of [
      `${value}; ${mine.name}=${mine.value}`,
      `${mine.name}=${mine.value}; ${value}`,
    ])
      expect(await viewerOf(both), name).toMatch(/mine/);
  }
});

it('two session cookies with the same name are both refused', async () => {
  const mine = await signIn('mine');
  const planted = await signIn('attacker');
  for (const [first, second] of [
    [mine, planted],
    [planted, mine],
    [mine, mine],
  ] as const)
    expect(
      await viewerOf(`${mine.name}=${first.value}; ${mine.name}=${second.value}`),
    ).toBeUndefined();
});

it('a sign-in cookie planted by a sibling domain is refused', async () => {
  const { pending, callback } = await startSignIn('attacker');
  for (const name of [
    pending.name.replace('__Host-', ''),
    pending.name.replace('__Host-', '__Secure-'),
  ])
    await captureOutput(async () => {
      const answer = await send(callback, `${name}=${pending.value}`);
      expect(answer.status, name).toBe(400);
      expect(cookiesOf(answer.headers), name).toEqual([]);
    });
  expect((await send(callback, `${pending.name}=${pending.value}`)).status).toBe(303);
});
