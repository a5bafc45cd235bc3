import { SignJWT, generateKeyPair } from 'jose';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { detectConsoleSchema } from '../../lib/console-schema/setup';
import { openDatabase } from '../../lib/db/database';
import { type RevocationStore, createRevocationTable } from '../../lib/sessions/revocation';
import { type TestGateway, openGateway, captureOutput } from '../../test/harness/gateway';
import {
  CLIENT,
  TestBrowser,
  type TestProvider,
  startProvider,
} from '../../test/harness/oidc-provider';
import { TestConsole } from '../../test/harness/test-console';
import { freePort } from '../../test/postgres/free-port';

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
  changes: Record<string, string> = {},
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
      ...changes,
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
const advanceClock = (seconds: number) => {
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
  it('signing out ends the session on every server', async () => {
    const browser = await signIn();
    const other = await signIn('bob');
    const copy = browser.header(origin);
    expect([await statusAt(first, copy), await statusAt(second, copy)]).toEqual([200, 200]);
    expect((await signOut(browser)).status).toBe(200);
    expect(await statusAt(first, copy)).toBe(303);
    advanceClock(5);
    expect(await statusAt(second, copy)).toBe(303);
    expect([await statusAt(first, other), await statusAt(second, other)]).toEqual([200, 200]);
    expect(await rows()).toEqual(['session']);
  });

  it('signing out ends every session of a repeated cookie and clears the cookie', async () => {
    const mine = await signIn();
    const planted = await signIn('mallory');
    const cookieOf = (browser: TestBrowser) => browser.header(origin).cookie ?? '';
    const myCookie = cookieOf(mine);
    const plantedCookie = cookieOf(planted);
    expect(myCookie).toMatch(/^gjc_session=[^;]+$/);
    for (const [cookie, kinds] of [
      [`${myCookie}; gjc_session=planted`, ['session']],
      [`${myCookie}; ${plantedCookie}; ${plantedCookie}; gjc_session=`, ['session']],
    ] as const) {
      const answer = await first.send('/auth/sign-out', {
        method: 'POST',
        headers: { Origin: origin, Cookie: cookie },
      });
      expect(answer.headers['set-cookie']).toContainEqual(
        expect.stringMatching(/^gjc_session=; Max-Age=0; Path=\/; HttpOnly/),
      );
      expect(await statusAt(first, { cookie: myCookie })).toBe(303);
      expect((await rows()).slice(-1)).toEqual(kinds);
    }
    expect(await statusAt(first, { cookie: plantedCookie })).toBe(303);
    expect(await rows()).toEqual(['session', 'session']);
  });

  it('signing out stays in effect after a restart', async () => {
    const browser = await signIn();
    const copy = browser.header(origin);
    await signOut(browser);
    await second.close();
    second = await startServer();
    expect(await statusAt(second, copy)).toBe(303);
    expect(await statusAt(second, await signIn())).toBe(200);
  });

  it('signing in again ends the previous session on every server', async () => {
    const browser = await signIn();
    const oldCookie = browser.header(origin);
    await browser.follow(`${origin}/auth/sign-in`);
    expect(await statusAt(second, oldCookie)).toBe(303);
    expect(await statusAt(second, browser)).toBe(200);
  });

  it('revocations are read at most once in five seconds', async () => {
    const browser = await signIn();
    const store = storeOn(database.db);
    const read = vi.spyOn(store, 'read');
    await second.close();
    second = await startServer(0, store);
    const sendMany = () => Promise.all(Array.from({ length: 20 }, () => statusAt(second, browser)));
    expect(new Set([...(await sendMany()), ...(await sendMany())])).toEqual(new Set([200]));
    expect(read).toHaveBeenCalledTimes(1);
    advanceClock(5);
    await sendMany();
    expect(read).toHaveBeenCalledTimes(2);
    // Requests without a session cause no read.
    advanceClock(5);
    expect(await statusAt(second, { cookie: 'gjc_session=x' })).toBe(303);
    expect(await statusAt(second, {})).toBe(303);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it('signing out ends the session on this server alone if the schema is read-only', async () => {
    await first.close();
    first = await startServer(Number(new URL(origin).port), storeOn(database.db, true));
    const browser = await signIn();
    const copy = browser.header(origin);
    expect((await signOut(browser)).status).toBe(200);
    expect(await statusAt(first, copy)).toBe(303);
    advanceClock(6);
    expect(await statusAt(first, copy)).toBe(303);
    expect(await statusAt(second, copy)).toBe(200);
    expect(await rows()).toEqual([]);
  });

  it('signing out reaches the other servers once the database is available again', async () => {
    const store = storeOn(database.db);
    const write = vi.spyOn(store, 'write').mockRejectedValue(new Error('down'));
    await first.close();
    first = await startServer(Number(new URL(origin).port), store);
    const browser = await signIn();
    const other = await signIn('bob');
    const copy = browser.header(origin);
    await captureOutput(async () => expect((await signOut(browser)).status).toBe(200));
    expect(await statusAt(first, copy)).toBe(303);
    write.mockRestore();
    advanceClock(5);
    expect(await statusAt(first, other)).toBe(200);
    expect(await statusAt(second, copy)).toBe(303);
  });
});

describe('while the database is down', () => {
  const down = () =>
    openDatabase({
      url: 'postgres://nobody@127.0.0.1:1/none',
      caFile: null,
      poolSize: 1,
      applicationName: 'test',
    });

  it('a server that never read the revocations accepts no session', async () => {
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
    await captureOutput(async () =>
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

  it('the last list of revocations stays in effect', async () => {
    const browser = await signIn();
    const ended = await signIn('bob');
    const copy = ended.header(origin);
    await signOut(ended);
    const store = storeOn(database.db);
    await second.close();
    second = await startServer(0, store);
    expect([await statusAt(second, browser), await statusAt(second, copy)]).toEqual([200, 303]);
    const read = vi.spyOn(store, 'read').mockRejectedValue(new Error('down'));
    advanceClock(60);
    for (let n = 0; n < 3; n += 1)
      expect([await statusAt(second, browser), await statusAt(second, copy)]).toEqual([200, 303]);
    expect(read).toHaveBeenCalledTimes(1);
  });
});

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const now = () => Math.floor(Date.now() / 1000);
const claims = (changes: Record<string, unknown> = {}) => ({
  iss: provider.issuer,
  aud: CLIENT.id,
  iat: now(),
  exp: now() + 120,
  jti: randomUUID(),
  events: { [EVENT]: {} },
  sub: 'alice',
  ...changes,
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
const signedToken = (changes: Record<string, unknown> = {}, header?: Record<string, unknown>) =>
  provider.sign(
    Object.fromEntries(Object.entries(claims(changes)).filter(([, value]) => value !== undefined)),
    header,
  );
async function expectRefused(token: string, error: string): Promise<void> {
  const { audits } = await captureOutput(async () => {
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

describe('a back-channel logout', () => {
  it('a back-channel logout ends the sessions of its provider session on every server', async () => {
    const browser = await signIn();
    const elsewhere = await signIn();
    const other = await signIn('bob');
    expect(await statusAt(second, browser)).toBe(200);
    await provider.endSession(browser);
    expect(await statusAt(first, browser)).toBe(303);
    advanceClock(5);
    expect(await statusAt(second, browser)).toBe(303);
    for (const active of [elsewhere, other])
      expect([await statusAt(first, active), await statusAt(second, active)]).toEqual([200, 200]);
    expect((await rows()).sort()).toEqual([
      'logout_token',
      'provider_session',
      'subject_without_provider_session',
    ]);
  });

  it('a back-channel logout without a sid ends every earlier session of the user', async () => {
    const earlier = [await signIn(), await signIn()];
    const other = await signIn('bob');
    const token = await signedToken();
    advanceClock(2);
    const laterSession = await signIn();
    const answer = await send(token);
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers['cache-control']).toBe('no-store');
    for (const server of [first, second]) {
      for (const ended of earlier) expect(await statusAt(server, ended)).toBe(303);
      for (const active of [laterSession, other]) expect(await statusAt(server, active)).toBe(200);
      advanceClock(5);
    }
  });

  it('a back-channel logout is stored for the longest possible session', async () => {
    const ended = await signIn();
    const active = await signIn('bob');
    const small = await startServer(0, undefined, { SESSION_MAX_HOURS: '0.1' });
    expect((await send(await signedToken(), { server: small })).status).toBe(200);
    const [row] = (
      await database.client.query<{ days: number }>(
        `SELECT extract(epoch FROM expires_at - now()) / 86400 AS days
         FROM good_job_console.revoked_sessions
         WHERE kind = 'subject'`,
      )
    ).rows;
    expect(Number(row?.days)).toBeGreaterThan(30);
    advanceClock(1_800);
    expect([await statusAt(first, ended), await statusAt(first, active)]).toEqual([303, 200]);
    await small.close();
  });

  it('a back-channel logout with a sid leaves sessions with another sid alone', async () => {
    const browser = await signIn();
    expect((await send(await signedToken({ sid: 'another' }))).status).toBe(200);
    expect((await send(await signedToken({ sid: 'another', sub: undefined }))).status).toBe(200);
    expect(await statusAt(first, browser)).toBe(200);
  });

  it('a back-channel logout needs no cookie or Origin and grants no access', async () => {
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
    await captureOutput(async () => {
      for (const path of ['/auth/sign-out', '/auth/backchannel-logout/', '/jobs'])
        expect((await first.send(path, { method: 'POST', headers: FORM })).status, path).toBe(403);
      expect(
        (await send(await signedToken(), { headers: { ...FORM, Host: 'evil.example' } })).status,
      ).toBe(403);
    });
    expect(await first.send('/auth/backchannel-logout')).toMatchObject({ status: 405, seen: null });
  });

  it('a back-channel logout is accepted once on all servers, even after a restart', async () => {
    const token = await signedToken();
    expect((await send(token)).status).toBe(200);
    await expectRefused(token, 'token_used');
    await captureOutput(async () =>
      expect((await send(token, { server: second })).status).toBe(400),
    );
    await second.close();
    second = await startServer();
    await captureOutput(async () =>
      expect((await send(token, { server: second })).status).toBe(400),
    );
    const twice = await signedToken();
    await captureOutput(async () => {
      const answers = await Promise.all([send(twice), send(twice, { server: second })]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    });
  });

  it('a back-channel logout is refused with any invalid claim', async () => {
    const browser = await signIn();
    for (const [changes, error] of [
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
      await expectRefused(await signedToken(changes), error);
    await expectRefused(await signedToken({}, { typ: 'at+jwt' }), 'bad_type');
    expect(await statusAt(first, browser)).toBe(200);
    expect(await rows()).toEqual([]);
    expect((await send(await signedToken({ exp: undefined }))).status).toBe(200);
    expect((await send(await signedToken({ aud: ['x', CLIENT.id] }))).status).toBe(200);
    expect((await send(await signedToken({}, { typ: 'logout+jwt' }))).status).toBe(200);
  });

  it('a back-channel logout is refused without the provider’s signature', async () => {
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
      await expectRefused(token, error);
    expect(await statusAt(first, browser)).toBe(200);
    expect(await rows()).toEqual([]);
  });

  it('back-channel logouts cannot cause an unlimited number of key fetches', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    await captureOutput(async () => {
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

  it('a back-channel logout is refused unless it is a small form with one token', async () => {
    const token = await signedToken();
    const post = (headers: Record<string, string>, body: string) =>
      first.send('/auth/backchannel-logout', { method: 'POST', headers, body });
    await captureOutput(async () => {
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

  it('a back-channel logout can be repeated if it could not be stored', async () => {
    const store = storeOn(database.db);
    const write = vi.spyOn(store, 'write').mockRejectedValue(new Error('down'));
    await first.close();
    first = await startServer(Number(new URL(origin).port), store);
    const browser = await signIn();
    const token = await signedToken();
    await captureOutput(async () => {
      const answer = await send(token);
      expect(answer).toMatchObject({ status: 400 });
      expect(answer.body).toContain('not_stored');
    });
    expect(await statusAt(first, browser)).toBe(303);
    write.mockRestore();
    expect((await send(token)).status).toBe(200);
    expect(await statusAt(second, browser)).toBe(303);
  });

  it('a back-channel logout does not exist in other auth modes', async () => {
    await second.close();
    second = await openGateway({
      AUTH_MODE: 'proxy-header',
      AUTH_PROXY_SECRET: 'c41be02f9d7a8356e0f1b2d4a6c89375',
      ROLE_VIEWERS: '*',
    });
    const token = await signedToken();
    await captureOutput(async () =>
      expect((await send(token, { server: second })).status).toBe(403),
    );
  });
});
