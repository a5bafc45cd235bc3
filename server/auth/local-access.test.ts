import { afterEach, describe, expect, it, vi } from 'vitest';
import { setDemoCheck } from '../../lib/good-job/tables';
import { type TestGateway, openGateway, captureOutput } from '../../test/harness/gateway';
import { TOKEN_MS } from './start-token';

let gateway: TestGateway;
let clock = Date.now();
afterEach(async () => {
  setDemoCheck(() => Promise.resolve(false));
  await gateway.close();
});
const open = async (variables: Record<string, string> = {}) =>
  (gateway = await openGateway(variables, 0, { now: () => clock }));
/** Omits the session of the harness. */
const anonymous = { Cookie: '' };
const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

async function send(token: string, headers: Record<string, string> = {}, path = '/auth/start') {
  return gateway.send(path, {
    method: 'POST',
    headers: { ...anonymous, Origin: gateway.origin, ...FORM, ...headers },
    body: form({ token }),
  });
}

describe('without a local session', () => {
  it('pages redirect to /auth/start and everything else is refused', async () => {
    await open();
    for (const path of ['/', '/jobs', '/jobs/x?y=1', '/no/such/page', '/audit']) {
      const { status, headers, seen } = await gateway.send(path, { headers: anonymous });
      expect([status, seen], path).toEqual([303, null]);
      expect(headers.location).toBe(`/auth/start?return_to=${encodeURIComponent(path)}`);
    }
    for (const path of ['/api/jobs', '/api/jobs/export?format=csv', '/api/bulk/x'])
      expect(await gateway.send(path, { headers: anonymous }), path).toMatchObject({
        status: 401,
        body: '{"error":"signed_out"}',
        seen: null,
      });
    await captureOutput(async () => {
      for (const headers of [{}, { 'Next-Action': 'x' }, FORM] as Record<string, string>[])
        expect(
          await gateway.send('/jobs', {
            method: 'POST',
            headers: { ...anonymous, Origin: gateway.origin, ...headers },
          }),
        ).toMatchObject({ status: 401, seen: null });
    });
  });

  it('a URL of any length redirects to a valid URL of /auth/start', async () => {
    await open();
    for (const path of [
      `/jobs?q=${'%E8%AB%8B'.repeat(860)}`,
      `/jobs?q=${'%E8%AB%8B'.repeat(220)}`,
    ]) {
      const { status, headers } = await gateway.send(path, { headers: anonymous });
      expect(status).toBe(303);
      expect((await gateway.send(headers.location ?? '', { headers: anonymous })).status).toBe(200);
    }
  });

  it('an invalid cookie, one of another port and an empty one are refused', async () => {
    await open();
    const [, id = ''] = gateway.cookie.split('=');
    for (const cookie of [
      `gjc_local_${gateway.port}=x`,
      `gjc_local_${gateway.port}=`,
      `gjc_local_80=${id}`,
      `gjc_session=${id}`,
      id,
    ])
      expect(
        (await gateway.send('/api/jobs', { headers: { Cookie: cookie } })).status,
        cookie,
      ).toBe(401);
  });

  it('assets and probes are served', async () => {
    await open();
    for (const path of ['/healthz', '/readyz', '/icon.svg', '/_next/static/x.js'])
      expect((await gateway.send(path, { headers: anonymous })).status, path).toBe(200);
  });

  it('a planted cookie does not hide the session, and pages receive neither', async () => {
    await open();
    const { seen, status } = await gateway.send('/jobs', {
      headers: {
        Cookie: `gjc_local_${gateway.port}=planted; a=b; ${gateway.cookie}; gjc_local_1=c`,
      },
    });
    expect(status).toBe(200);
    expect(seen?.headers.cookie).toBe('a=b');
    expect(seen?.headers['x-gjc-viewer']).toBe('admin:local::');
    expect(seen?.rawHeaders.join()).not.toContain('gjc_local_');
  });
});

describe('a start token', () => {
  it('a start token is exchanged once for a session cookie and redirects to /', async () => {
    await open();
    const token = gateway.startTokens.issue();
    const answer = await send(token);
    expect([answer.status, answer.headers.location]).toEqual([303, '/']);
    const [cookie = '', ...otherCookies] = answer.headers['set-cookie'] ?? [];
    expect(otherCookies).toEqual([]);
    expect(cookie).toMatch(
      new RegExp(
        `^gjc_local_${gateway.port}=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Strict$`,
      ),
    );
    const signedIn = { headers: { Cookie: cookie.split(';')[0] ?? '' } };
    expect((await gateway.send('/jobs', signedIn)).seen?.headers['x-gjc-viewer']).toBe(
      'admin:local::',
    );
    const { text } = await captureOutput(async () => {
      const secondAnswer = await send(token);
      expect(secondAnswer.status).toBe(403);
      expect(secondAnswer.body).toContain('This token was used already. Get a new one.');
      expect(secondAnswer.headers['set-cookie']).toBeUndefined();
    });
    expect(text).toContain('"error":"start_token_used"');
    expect(text).not.toContain(token);
  });

  it('a start token works with a base path, to which its cookie is restricted', async () => {
    await open({ BASE_PATH: '/ops/good_job' });
    const answer = await send(gateway.startTokens.issue(), {}, '/ops/good_job/auth/start');
    expect([answer.status, answer.headers.location]).toEqual([303, '/ops/good_job']);
    expect(answer.headers['set-cookie']?.[0]).toContain('; Path=/ops/good_job; ');
    expect(
      (await gateway.send('/ops/good_job/jobs', { headers: anonymous })).headers.location,
    ).toBe('/ops/good_job/auth/start?return_to=%2Fops%2Fgood_job%2Fjobs');
  });

  it('a start token sets a Secure __Host- cookie if PUBLIC_URL is https', async () => {
    await open({ PUBLIC_URL: 'https://localhost:8443' });
    await captureOutput(async () => {
      const { headers } = await send(gateway.startTokens.issue(), {
        Origin: 'https://localhost:8443',
      });
      expect(headers['set-cookie']?.[0]).toMatch(
        /^__Host-gjc_local_\d+=.+; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
      );
    });
  });

  it.each(['https://ops.example.com', 'http://ops.example.com:8080', 'https://10.1.2.3'])(
    'the localhost link signs in if PUBLIC_URL is %s, and only localhost can write',
    async (publicUrl) => {
      await open({ PUBLIC_URL: publicUrl });
      const { headers, status } = await send(gateway.startTokens.issue());
      expect(status).toBe(303);
      const [cookie = ''] = headers['set-cookie'] ?? [];
      expect(cookie).toMatch(
        new RegExp(`^gjc_local_${gateway.port}=[^;]+; Path=/; HttpOnly; Same`),
      );
      expect(cookie).not.toContain('Secure');
      const write = (origin: string) =>
        gateway.send('/jobs', {
          method: 'POST',
          headers: { Cookie: cookie.split(';')[0] ?? '', Origin: origin },
        });
      const { seen } = await write(gateway.origin);
      expect(seen?.headers).toMatchObject({
        'x-forwarded-host': `localhost:${gateway.port}`,
        'x-forwarded-proto': 'http',
      });
      await captureOutput(async () => expect((await write(publicUrl)).status).toBe(403));
    },
  );

  it('an expired start token is refused with instructions in both languages', async () => {
    await open();
    const token = gateway.startTokens.issue();
    clock += TOKEN_MS;
    await captureOutput(async () => {
      const english = await send(token);
      expect(english.status).toBe(403);
      expect(english.body).toMatch(/older than 10 minutes[^]+npm run token/);
      const japanese = await send(token, { 'Accept-Language': 'ja' });
      expect(japanese.body).toMatch(
        /<html lang="ja"[^]+有効期限の10分を過ぎています。[^]+npm run token/,
      );
    });
  });

  it('a start token is accepted while wrong ones are rate limited', async () => {
    await open();
    const token = gateway.startTokens.issue();
    await captureOutput(async () => {
      for (let n = 0; n < 30; n += 1) expect((await send('A'.repeat(43))).status).toBe(403);
      const limited = await send('A'.repeat(43));
      expect(limited.status).toBe(429);
      expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
      expect(limited.body).toContain('Too many wrong tokens');
      expect((await send(token)).status).toBe(303);
    });
  });

  it('a start token is accepted after hundreds of requests for the page', async () => {
    await open();
    for (let n = 0; n < 400; n += 1)
      expect((await gateway.send('/auth/start', { headers: anonymous })).status).toBe(200);
    expect((await send(gateway.startTokens.issue())).status).toBe(303);
  });

  it('a start token is accepted only from a page of the console', async () => {
    await open();
    const token = gateway.startTokens.issue();
    await captureOutput(async () => {
      for (const headers of [
        { Origin: 'http://evil.example' },
        { Origin: 'null' },
        { Origin: 'http://localhost:1' },
        { Host: 'evil.example', Origin: 'http://evil.example' },
        { 'X-Forwarded-For': '10.0.0.1' },
        { Via: '1.1 proxy' },
      ] as Record<string, string>[])
        expect((await send(token, headers)).status, JSON.stringify(headers)).toBe(403);
    });
    expect((await send(token)).status).toBe(303);
  });

  it('a start token is ignored in a query, in JSON and in a body that is too large', async () => {
    await open();
    const token = gateway.startTokens.issue();
    await captureOutput(async () => {
      const post = (path: string, headers: Record<string, string>, body: string) =>
        gateway.send(path, {
          method: 'POST',
          headers: { ...anonymous, Origin: gateway.origin, ...headers },
          body,
        });
      for (const [path, headers, body] of [
        [`/auth/start?token=${token}`, FORM, ''],
        ['/auth/start', { 'Content-Type': 'application/json' }, JSON.stringify({ token })],
        ['/auth/start', {}, form({ token })],
        ['/auth/start', FORM, `x=${'y'.repeat(100_000)}&${form({ token })}`],
        ['/auth/start', { ...FORM, 'Transfer-Encoding': 'chunked' }, 'y'.repeat(50_000)],
        ['/auth/start', FORM, '%ff%00=&token=%ff'],
      ] as [string, Record<string, string>, string][])
        expect((await post(path, headers, body)).status, body.slice(0, 50)).toBe(403);
      for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS'])
        expect((await gateway.send('/auth/start', { method, headers: anonymous })).status).toBe(
          405,
        );
    });
    expect((await send(token)).status).toBe(303);
  });
});

describe('the page /auth/start', () => {
  it('/auth/start works without JavaScript and uses nonces for its script and style', async () => {
    await open();
    const { status, body, headers } = await gateway.send('/auth/start', { headers: anonymous });
    expect(status).toBe(200);
    const nonce = /script-src 'nonce-([^']+)'/.exec(
      String(headers['content-security-policy']),
    )?.[1];
    expect(body.match(/nonce="[^"]*"/g)).toEqual([`nonce="${nonce}"`, `nonce="${nonce}"`]);
    expect(body).toMatch(/<form method="post" action="\/auth\/start">[^]+<input name="token"/);
    expect(body).not.toMatch(/ style=| on[a-z]+=/);
    expect(headers['cache-control']).toBe('no-store');
    const head = await gateway.send('/auth/start', { method: 'HEAD', headers: anonymous });
    expect([head.status, head.body]).toEqual([200, '']);
  });

  it('/auth/start redirects to the requested page and never to another origin', async () => {
    await open();
    const redirectFor = async (returnTo: string) =>
      (
        await gateway.send('/auth/start', {
          method: 'POST',
          headers: { ...anonymous, Origin: gateway.origin, ...FORM },
          body: form({ token: gateway.startTokens.issue(), return_to: returnTo }),
        })
      ).headers.location;
    expect(await redirectFor('/jobs?state=discarded')).toBe('/jobs?state=discarded');
    for (const target of [
      '//evil.example',
      'https://evil.example/',
      '/\\evil.example',
      '/auth/start',
    ])
      expect(await redirectFor(target), target).toBe('/');
    const { body } = await gateway.send(
      `/auth/start?return_to=${encodeURIComponent('/jobs?q="><script>')}`,
      {
        headers: anonymous,
      },
    );
    expect(body).not.toContain('"><script>');
  });

  it('/auth/start links to the requested page if the viewer may be signed in', async () => {
    await open();
    const offers = async (headers: Record<string, string>) =>
      (await gateway.send('/auth/start?return_to=%2Fjobs', { headers })).body.includes(
        '<a href="/jobs">',
      );
    expect(await offers(anonymous)).toBe(false);
    expect(await offers({})).toBe(true);
    // The browser omits a Strict cookie when another site links here.
    expect(
      await offers({ ...anonymous, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' }),
    ).toBe(true);
  });

  it('/auth/start recreates a missing token folder', async () => {
    await open();
    const ensureFolder = vi.spyOn(gateway.startTokens, 'ensureFolder');
    await gateway.send('/auth/start', { headers: anonymous });
    expect(ensureFolder).toHaveBeenCalledTimes(1);
  });

  it('/auth/start uses the viewer’s theme', async () => {
    await open();
    expect(
      (await gateway.send('/auth/start', { headers: { Cookie: 'gjc_theme=dark' } })).body,
    ).toContain('data-theme="dark"');
  });

  it('/auth/start does not exist in other modes', async () => {
    for (const variables of [
      { AUTH_MODE: 'none', I_KNOW_THIS_IS_OPEN: '1' },
      {
        AUTH_MODE: 'proxy-header',
        AUTH_PROXY_SECRET: 'c41be02f9d7a8356e0f1b2d4a6c89375',
        ROLE_VIEWERS: '*',
      },
    ] as Record<string, string>[]) {
      await open(variables);
      await captureOutput(async () => {
        const { body } = await gateway.send('/auth/start');
        expect(body).not.toContain('npm run token');
        const answer = await send(gateway.startTokens.issue());
        expect(answer.headers['set-cookie']).toBeUndefined();
      });
      if (variables.AUTH_MODE === 'none') await gateway.close();
    }
  });
});

describe('the demo', () => {
  it('the demo needs no link while the database contains the demo tables', async () => {
    await open({ DEMO: '1' });
    const status = async () => (await gateway.send('/api/jobs', { headers: anonymous })).status;
    expect(await status()).toBe(401);
    setDemoCheck(() => Promise.resolve(true));
    expect(await status()).toBe(200);
    setDemoCheck(() => Promise.reject(new Error('The database is down.')));
    expect(await status()).toBe(401);
  });

  it('the demo needs DEMO=1: the demo tables alone open nothing', async () => {
    await open();
    setDemoCheck(() => Promise.resolve(true));
    expect((await gateway.send('/api/jobs', { headers: anonymous })).status).toBe(401);
  });

  it('the demo serves only this machine', async () => {
    await open({ DEMO: '1' });
    setDemoCheck(() => Promise.resolve(true));
    await captureOutput(async () => {
      for (const headers of [
        { Host: 'ops.example.com' },
        { 'X-Forwarded-For': '10.0.0.1' },
      ] as Record<string, string>[])
        expect(
          (
            await gateway.send('/jobs', {
              headers: { ...anonymous, ...headers },
            })
          ).status,
        ).toBe(403);
    });
  });
});

describe('a session', () => {
  it('a local session ends after SESSION_IDLE_MINUTES despite polling', async () => {
    await open({ SESSION_IDLE_MINUTES: '10', SESSION_MAX_HOURS: '1' });
    const status = async (path: string) => (await gateway.send(path)).status;
    clock += 9 * 60_000;
    expect(await status('/api/jobs')).toBe(200);
    clock += 2 * 60_000;
    expect(await status('/api/jobs')).toBe(401);
    expect(await status('/jobs')).toBe(303);
  });
});
