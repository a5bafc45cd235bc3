import { SignJWT, generateKeyPair } from 'jose';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { detectConsoleSchema } from '../../lib/console-schema/setup';
import { openDatabase } from '../../lib/db/database';
import { type RevocationStore, createRevocationTable } from '../../lib/sessions/revocation';
import { type TestGateway, openGateway, printed } from '../../test/harness/gateway';
import { freePort } from '../../test/harness/free-port';
import {
  CLIENT,
  TestBrowser,
  type TestProvider,
  startProvider,
} from '../../test/harness/oidc-provider';
import { TestConsole } from '../../test/harness/test-console';

/* Two servers behind one address, with one provider and one database. */

let database: TestConsole;
let provider: TestProvider;
let first: TestGateway;
let second: TestGateway;
let origin: string;
beforeAll(async () => {
  database = await TestConsole.open('sign-out');
});
afterAll(() => database.close());

const storeOn = (db: TestConsole['db'], readOnly = false): RevocationStore =>
  createRevocationTable({
    db,
    detect: () => db.read(detectConsoleSchema),
    detectAgainAfter: () => undefined,
    readOnly,
  });
const startServer = (
  port = 0,
  store: RevocationStore | undefined = storeOn(database.db),
  more: Record<string, string> = {},
) =>
  openGateway(
    {
      AUTH_MODE: 'oidc',
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      SESSION_SECRET: '7f3a9c0e5b2d4816a7c3e9f0d1b5a264',
      PUBLIC_URL: origin,
      ROLE_VIEWERS: '*',
      ...more,
    },
    port,
    { revocationStore: store },
  );
beforeEach(async () => {
  await database.client.query('TRUNCATE good_job_console.revoked_sessions');
  const port = await freePort();
  origin = `http://localhost:${port}`;
  provider = await startProvider(origin);
  [first, second] = [await startServer(port), await startServer()];
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all([first.close(), second.close(), provider.stop()]);
});

async function signIn(sub = 'alice'): Promise<TestBrowser> {
  provider.account = { sub };
  const browser = new TestBrowser();
  expect((await browser.follow(`${origin}/jobs`)).response?.status).toBe(200);
  return browser;
}
const statusAt = async (server: TestGateway, browser: TestBrowser | Record<string, string>) =>
  (
    await server.send('/jobs', {
      headers: browser instanceof TestBrowser ? browser.header(origin) : browser,
    })
  ).status;
const later = (seconds: number) => {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + seconds * 1000);
};
const signOut = (browser: TestBrowser) => browser.post(`${origin}/auth/sign-out`, { origin });
const rows = async () =>
  (
    await database.client.query<{ kind: string }>(
      'SELECT kind FROM good_job_console.revoked_sessions ORDER BY id',
    )
  ).rows.map(({ kind }) => kind);

describe('signing out', () => {
  it('ends the session on every server', async () => {
    const browser = await signIn();
    const other = await signIn('bob');
    const copy = browser.header(origin);
    expect([await statusAt(first, copy), await statusAt(second, copy)]).toEqual([200, 200]);
    expect((await signOut(browser)).status).toBe(200);
    expect(await statusAt(first, copy)).toBe(303);
    later(5);
    expect(await statusAt(second, copy)).toBe(303);
    expect([await statusAt(first, other), await statusAt(second, other)]).toEqual([200, 200]);
    expect(await rows()).toEqual(['session']);
  });

  it('ends every session whose cookie was sent, however often the name was, and clears the name', async () => {
    const [mine, planted] = [await signIn(), await signIn('mallory')];
    const cookieOf = (browser: TestBrowser) => browser.header(origin).cookie ?? '';
    const [one, two] = [cookieOf(mine), cookieOf(planted)];
    expect(one).toMatch(/^gjc_session=[^;]+$/);
    for (const [cookie, kinds] of [
      [`${one}; gjc_session=planted`, ['session']],
      [`${one}; ${two}; ${two}; gjc_session=`, ['session']],
    ] as const) {
      const answer = await first.send('/auth/sign-out', {
        method: 'POST',
        headers: { Origin: origin, Cookie: cookie },
      });
      expect(answer.headers['set-cookie']).toContainEqual(
        expect.stringMatching(/^gjc_session=; Max-Age=0; Path=\/; HttpOnly/),
      );
      expect(await statusAt(first, { cookie: one })).toBe(303);
      expect((await rows()).slice(-1)).toEqual(kinds);
    }
    expect(await statusAt(first, { cookie: two })).toBe(303);
    expect(await rows()).toEqual(['session', 'session']);
  });

  it('holds over a restart, from the first request on', async () => {
    const browser = await signIn();
    const copy = browser.header(origin);
    await signOut(browser);
    await second.close();
    second = await startServer();
    expect(await statusAt(second, copy)).toBe(303);
    expect(await statusAt(second, await signIn())).toBe(200);
  });

  it('of a session that another sign-in replaced ends that one everywhere, too', async () => {
    const browser = await signIn();
    const before = browser.header(origin);
    await browser.follow(`${origin}/auth/sign-in`);
    expect(await statusAt(second, before)).toBe(303);
    expect(await statusAt(second, browser)).toBe(200);
  });

  it('costs one read of the table in five seconds, however many requests there are', async () => {
    const browser = await signIn();
    const store = storeOn(database.db);
    const read = vi.spyOn(store, 'read');
    await second.close();
    second = await startServer(0, store);
    const many = () => Promise.all(Array.from({ length: 20 }, () => statusAt(second, browser)));
    expect(new Set([...(await many()), ...(await many())])).toEqual(new Set([200]));
    expect(read).toHaveBeenCalledTimes(1);
    later(5);
    await many();
    expect(read).toHaveBeenCalledTimes(2);
    // Strangers cause none.
    later(5);
    expect(await statusAt(second, { cookie: 'gjc_session=x' })).toBe(303);
    expect(await statusAt(second, {})).toBe(303);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it('holds on this server only where the schema cannot be written, and does not fail', async () => {
    await first.close();
    first = await startServer(Number(new URL(origin).port), storeOn(database.db, true));
    const browser = await signIn();
    const copy = browser.header(origin);
    expect((await signOut(browser)).status).toBe(200);
    expect(await statusAt(first, copy)).toBe(303);
    later(6);
    expect(await statusAt(first, copy)).toBe(303);
    expect(await statusAt(second, copy)).toBe(200);
    expect(await rows()).toEqual([]);
  });

  it('is carried over to the other servers once the database answers again', async () => {
    const store = storeOn(database.db);
    const write = vi.spyOn(store, 'write').mockRejectedValue(new Error('down'));
    await first.close();
    first = await startServer(Number(new URL(origin).port), store);
    const browser = await signIn();
    const other = await signIn('bob');
    const copy = browser.header(origin);
    await printed(async () => expect((await signOut(browser)).status).toBe(200));
    expect(await statusAt(first, copy)).toBe(303);
    write.mockRestore();
    later(5);
    expect(await statusAt(first, other)).toBe(200);
    expect(await statusAt(second, copy)).toBe(303);
  });
});

describe('while the database does not answer', () => {
  const down = () =>
    openDatabase({
      url: 'postgres://nobody@127.0.0.1:1/none',
      caFile: null,
      poolSize: 1,
      applicationName: 'test',
    });

  it('no session is accepted that this server could not check since its start', async () => {
    const browser = await signIn();
    const db = down();
    await second.close();
    second = await startServer(0, storeOn(db));
    const page = await second.send('/jobs', {
      headers: { ...browser.header(origin), 'Accept-Language': 'ja' },
    });
    expect(page).toMatchObject({ status: 503, seen: null });
    expect(page.body).toContain('セッションが有効かどうかを確認できません');
    expect(await second.send('/api/jobs', { headers: browser.header(origin) })).toMatchObject({
      status: 503,
      body: '{"error":"database_down"}',
    });
    expect(await statusAt(second, {})).toBe(303);
    await printed(async () =>
      expect(
        (
          await second.send('/auth/sign-out', {
            method: 'POST',
            headers: { ...browser.header(origin), Origin: origin },
          })
        ).status,
      ).toBe(200),
    );
    await db.close();
  });

  it('the list as it was read last holds', async () => {
    const browser = await signIn();
    const ended = await signIn('bob');
    const copy = ended.header(origin);
    await signOut(ended);
    const store = storeOn(database.db);
    await second.close();
    second = await startServer(0, store);
    expect([await statusAt(second, browser), await statusAt(second, copy)]).toEqual([200, 303]);
    const read = vi.spyOn(store, 'read').mockRejectedValue(new Error('down'));
    later(60);
    for (let n = 0; n < 3; n += 1)
      expect([await statusAt(second, browser), await statusAt(second, copy)]).toEqual([200, 303]);
    expect(read).toHaveBeenCalledTimes(1);
  });
});

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const now = () => Math.floor(Date.now() / 1000);
const claims = (more: Record<string, unknown> = {}) => ({
  iss: provider.issuer,
  aud: CLIENT.id,
  iat: now(),
  exp: now() + 120,
  jti: randomUUID(),
  events: { [EVENT]: {} },
  sub: 'alice',
  ...more,
});
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const send = (
  token: string,
  {
    server = first,
    headers = FORM,
  }: { server?: TestGateway; headers?: Record<string, string> } = {},
) =>
  server.send('/auth/backchannel-logout', {
    method: 'POST',
    headers,
    body: new URLSearchParams({ logout_token: token }).toString(),
  });
const signedToken = (more: Record<string, unknown> = {}, header?: Record<string, unknown>) =>
  provider.sign(
    Object.fromEntries(Object.entries(claims(more)).filter(([, value]) => value !== undefined)),
    header,
  );
async function refused(token: string, error: string): Promise<void> {
  const { audits } = await printed(async () => {
    const answer = await send(token);
    expect(answer, error).toMatchObject({
      status: 400,
      body: JSON.stringify({ error: 'invalid_request', error_description: error }),
    });
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/json',
    });
  });
  expect(audits).toMatchObject([{ error, status: 400, path: '/auth/backchannel-logout' }]);
}

describe('a logout at the provider', () => {
  it('ends the sessions that began there, on every server, and no others', async () => {
    const browser = await signIn();
    const elsewhere = await signIn();
    const other = await signIn('bob');
    expect(await statusAt(second, browser)).toBe(200);
    await provider.endSession(browser);
    expect(await statusAt(first, browser)).toBe(303);
    later(5);
    expect(await statusAt(second, browser)).toBe(303);
    for (const still of [elsewhere, other])
      expect([await statusAt(first, still), await statusAt(second, still)]).toEqual([200, 200]);
    expect((await rows()).sort()).toEqual([
      'logout_token',
      'provider_session',
      'subject_without_provider_session',
    ]);
  });

  it('without sid ends every session of the person that began before', async () => {
    const one = await signIn();
    const two = await signIn();
    const other = await signIn('bob');
    const token = await signedToken();
    later(2);
    const since = await signIn();
    const answer = await send(token);
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers['cache-control']).toBe('no-store');
    for (const server of [first, second]) {
      for (const ended of [one, two]) expect(await statusAt(server, ended)).toBe(303);
      for (const still of [since, other]) expect(await statusAt(server, still)).toBe(200);
      later(5);
    }
  });

  it('holds as long as any session may last, also where SESSION_MAX_HOURS was made smaller since', async () => {
    const [ended, still] = [await signIn(), await signIn('bob')];
    const small = await startServer(0, undefined, { SESSION_MAX_HOURS: '0.1' });
    expect((await send(await signedToken(), { server: small })).status).toBe(200);
    const [row] = (
      await database.client.query<{ days: number }>(
        `SELECT extract(epoch FROM expires_at - now()) / 86400 AS days FROM good_job_console.revoked_sessions WHERE kind = 'subject'`,
      )
    ).rows;
    expect(Number(row?.days)).toBeGreaterThan(30);
    later(1_800);
    expect([await statusAt(first, ended), await statusAt(first, still)]).toEqual([303, 200]);
    await small.close();
  });

  it('with a sid ends no session with another sid of the same person', async () => {
    const browser = await signIn();
    expect((await send(await signedToken({ sid: 'another' }))).status).toBe(200);
    expect((await send(await signedToken({ sid: 'another', sub: undefined }))).status).toBe(200);
    expect(await statusAt(first, browser)).toBe(200);
  });

  it('needs no cookie, no Origin and no page of ours, and is no way in', async () => {
    for (const headers of [
      FORM,
      { ...FORM, Origin: 'https://provider.example' },
      { ...FORM, 'Sec-Fetch-Site': 'cross-site' },
      { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' },
    ]) {
      const answer = await send(await signedToken(), { headers });
      expect(answer).toMatchObject({ status: 200, seen: null });
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    await printed(async () => {
      for (const path of ['/auth/sign-out', '/auth/backchannel-logout/', '/jobs'])
        expect((await first.send(path, { method: 'POST', headers: FORM })).status, path).toBe(403);
      expect(
        (await send(await signedToken(), { headers: { ...FORM, Host: 'evil.example' } })).status,
      ).toBe(403);
    });
    expect(await first.send('/auth/backchannel-logout')).toMatchObject({ status: 405, seen: null });
  });

  it('counts once, on every server, after a restart too', async () => {
    const token = await signedToken();
    expect((await send(token)).status).toBe(200);
    await refused(token, 'token_used');
    await printed(async () => expect((await send(token, { server: second })).status).toBe(400));
    await second.close();
    second = await startServer();
    await printed(async () => expect((await send(token, { server: second })).status).toBe(400));
    const twice = await signedToken();
    await printed(async () => {
      const answers = await Promise.all([send(twice), send(twice, { server: second })]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    });
  });

  it('is refused with any claim that does not fit', async () => {
    const browser = await signIn();
    for (const [more, error] of [
      [{ iss: 'https://evil.example' }, 'bad_issuer'],
      [{ iss: undefined }, 'bad_issuer'],
      [{ aud: 'another client' }, 'bad_audience'],
      [{ aud: ['another client'] }, 'bad_audience'],
      [{ aud: undefined }, 'bad_audience'],
      [{ iat: now() - 600 }, 'bad_time'],
      [{ iat: now() + 600 }, 'bad_time'],
      [{ iat: undefined }, 'bad_time'],
      [{ iat: String(now()) }, 'bad_time'],
      [{ exp: now() - 120 }, 'expired'],
      [{ events: undefined }, 'no_event'],
      [{ events: { 'http://schemas.openid.net/event/other': {} } }, 'no_event'],
      [{ events: { [EVENT]: true } }, 'no_event'],
      [{ events: EVENT }, 'no_event'],
      [{ events: [EVENT] }, 'no_event'],
      [{ nonce: 'x' }, 'has_nonce'],
      [{ nonce: '' }, 'has_nonce'],
      [{ jti: undefined }, 'no_jti'],
      [{ jti: '' }, 'no_jti'],
      [{ jti: 7 }, 'no_jti'],
      [{ sub: undefined }, 'no_session'],
      [{ sub: 7 }, 'no_session'],
      [{ sid: '' }, 'no_session'],
      [{ sid: { a: 1 } }, 'no_session'],
    ] as const)
      await refused(await signedToken(more), error);
    await refused(await signedToken({}, { typ: 'at+jwt' }), 'bad_type');
    expect(await statusAt(first, browser)).toBe(200);
    expect(await rows()).toEqual([]);
    expect((await send(await signedToken({ exp: undefined }))).status).toBe(200);
    expect((await send(await signedToken({ aud: ['x', CLIENT.id] }))).status).toBe(200);
    expect((await send(await signedToken({}, { typ: 'logout+jwt' }))).status).toBe(200);
  });

  it('is refused without the provider’s own signature', async () => {
    const browser = await signIn();
    const { privateKey } = await generateKeyPair('RS256');
    const sign = (header: { alg: string; kid?: string }, key: Parameters<SignJWT['sign']>[0]) =>
      new SignJWT(claims()).setProtectedHeader(header).sign(key);
    const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const good = await signedToken();
    const [header, , signature] = good.split('.');
    for (const [token, error] of [
      [await sign({ alg: 'RS256', kid: 'key-of-the-tests' }, privateKey), 'bad_signature'],
      [await sign({ alg: 'RS256', kid: 'another' }, privateKey), 'bad_signature'],
      [await sign({ alg: 'RS256' }, privateKey), 'bad_signature'],
      [`${header}.${base64(claims())}.${signature}`, 'bad_signature'],
      [await sign({ alg: 'HS256' }, Buffer.from(CLIENT.secret)), 'bad_algorithm'],
      [`${base64({ alg: 'none' })}.${base64(claims())}.`, 'no_token'],
      [`${base64({ alg: 'none' })}.${base64(claims())}.AAAA`, 'bad_algorithm'],
      [`${base64({ alg: 'RS256', jwk: {} })}.${base64(claims())}.AAAA`, 'bad_signature'],
      ['', 'no_token'],
      ['a.b', 'no_token'],
      ['a.b.c', 'bad_token'],
      [`${header}.${Buffer.from('[]').toString('base64url')}.${signature}`, 'bad_token'],
    ] as const)
      await refused(token, error);
    expect(await statusAt(first, browser)).toBe(200);
    expect(await rows()).toEqual([]);
  });

  it('makes nobody ask the provider for keys without end', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    await printed(async () => {
      for (let n = 0; n < 20; n += 1)
        await send(
          await new SignJWT(claims())
            .setProtectedHeader({ alg: 'RS256', kid: `key-${n}` })
            .sign(privateKey),
        );
    });
    expect(provider.keyRequests).toBeLessThanOrEqual(2);
    expect((await send(await signedToken())).status).toBe(200);
  });

  it('is one form of bounded size with one token', async () => {
    const token = await signedToken();
    const post = (headers: Record<string, string>, body: string) =>
      first.send('/auth/backchannel-logout', { method: 'POST', headers, body });
    await printed(async () => {
      for (const [headers, body] of [
        [FORM, ''],
        [FORM, `logout_token=${token}&logout_token=${token}`],
        [FORM, `logout_token=${token}&x=${'x'.repeat(40_000)}`],
        [{ 'Content-Type': 'application/json' }, JSON.stringify({ logout_token: token })],
        [{ 'Content-Type': 'text/plain' }, `logout_token=${token}`],
        [{}, `logout_token=${token}`],
        [{ 'Content-Type': 'application/x-www-form-urlencodedx' }, `logout_token=${token}`],
        [
          { ...FORM, 'Transfer-Encoding': 'chunked' },
          `logout_token=${token}&x=${'x'.repeat(40_000)}`,
        ],
      ] as [Record<string, string>, string][])
        expect((await post(headers, body)).status, JSON.stringify(headers)).toBe(400);
    });
    expect(
      (await post({ ...FORM, 'Transfer-Encoding': 'chunked' }, `logout_token=${token}`)).status,
    ).toBe(200);
  });

  it('may be sent again when it could not be stored', async () => {
    const store = storeOn(database.db);
    const write = vi.spyOn(store, 'write').mockRejectedValue(new Error('down'));
    await first.close();
    first = await startServer(Number(new URL(origin).port), store);
    const browser = await signIn();
    const token = await signedToken();
    await printed(async () => {
      const answer = await send(token);
      expect(answer).toMatchObject({ status: 400 });
      expect(answer.body).toContain('not_stored');
    });
    expect(await statusAt(first, browser)).toBe(303);
    write.mockRestore();
    expect((await send(token)).status).toBe(200);
    expect(await statusAt(second, browser)).toBe(303);
  });

  it('is an address of the sign-in by OpenID Connect alone', async () => {
    await second.close();
    second = await openGateway({
      AUTH_MODE: 'proxy-header',
      AUTH_PROXY_SECRET: 'c41be02f9d7a8356e0f1b2d4a6c89375',
      ROLE_VIEWERS: '*',
    });
    const token = await signedToken();
    await printed(async () => expect((await send(token, { server: second })).status).toBe(403));
  });
});
