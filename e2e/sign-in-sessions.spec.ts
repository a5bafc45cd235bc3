import type { BrowserContext, Page } from 'playwright/test';
import { CLIENT, TestBrowser, startProvider } from '../test/harness/oidc-provider';
import { insertJob } from '../test/harness/rows';
import { freePort } from '../test/postgres/free-port';
import { ROLE_ENV } from './support/accounts';
import { type ConsoleServer, startConsole } from './support/console-server';
import { en } from './support/messages';
import { startOidcProvider } from './support/oidc-provider';
import { type Site, waitForHydration, startSite } from './support/site';
import { expect, httpTest, test } from './support/test';
import { NO_OPENSSL, hasOpenssl, startTls } from './support/tls';

const SESSION_SECRET = 'a session secret of the tests that is long enough';

httpTest(
  'a sign-out ends the session on every server and after a restart',
  async ({ basePath }) => {
    const port = await freePort();
    const publicUrl = `http://localhost:${port}${basePath}`;
    const provider = await startProvider(publicUrl);
    provider.account = { sub: 'operator', groups: ['staff', 'on-call'] };
    const env = {
      AUTH_MODE: 'oidc',
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      SESSION_SECRET,
      PUBLIC_URL: publicUrl,
      ...ROLE_ENV,
    };
    let site: Site | undefined;
    let second: ConsoleServer | undefined;
    const startSecond = (databaseUrl: string) => startConsole({ databaseUrl, basePath, env });
    try {
      site = await startSite('sessions', basePath, { env: { ...env, PORT: String(port) } });
      second = await startSecond(site.databaseUrl);
      const signIn = async () => {
        const browser = new TestBrowser();
        const { response } = await browser.follow(`${publicUrl}/jobs`);
        expect(response?.status).toBe(200);
        return browser.header(new URL(publicUrl).origin);
      };
      const status = async (origin: string, headers: Record<string, string>) =>
        (await fetch(`${origin}${basePath}/api/jobs`, { headers })).status;
      const signedOutSession = await signIn();
      const otherSession = await signIn();
      for (const headers of [signedOutSession, otherSession])
        expect(await status(second.origin, headers)).toBe(200);
      await fetch(`${publicUrl}/auth/sign-out`, {
        method: 'POST',
        headers: { ...signedOutSession, Origin: new URL(publicUrl).origin },
        redirect: 'manual',
      });
      expect(await status(site.server.origin, signedOutSession)).toBe(401);
      await expect
        .poll(() => status(second?.origin ?? '', signedOutSession), { timeout: 15_000 })
        .toBe(401);
      expect(await status(second.origin, otherSession)).toBe(200);

      await second.stop();
      second = await startSecond(site.databaseUrl);
      expect(await status(second.origin, signedOutSession)).toBe(401);

      const browser = new TestBrowser();
      await browser.follow(`${publicUrl}/jobs`);
      const providerSession = browser.header(new URL(publicUrl).origin);
      expect(await status(second.origin, providerSession)).toBe(200);
      await provider.endSession(browser);
      expect(await status(site.server.origin, providerSession)).toBe(401);
      await expect
        .poll(() => status(second?.origin ?? '', providerSession), { timeout: 15_000 })
        .toBe(401);
      expect(await status(second.origin, otherSession)).toBe(200);
    } finally {
      await second?.stop();
      await site?.stop();
      await provider.stop();
    }
  },
);

test.describe('a sibling domain', () => {
  const PREFIX = '/ops/good_job';
  const DOMAIN = 'ops.localhost';
  let site: Site;
  let publicUrl: string;
  let evilUrl: string;
  /** Cookies that the page of the sibling domain sets. */
  let planted: string[] = [];
  const parts: { stop(): Promise<void> }[] = [];
  test.use({ ignoreHTTPSErrors: true });

  test.beforeAll(async ({}, testInfo) => {
    if (!hasOpenssl() && process.env.CI !== 'true') testInfo.skip(true, NO_OPENSSL);
    const port = await freePort();
    const host = `console.${DOMAIN}:${port}`;
    publicUrl = `https://${host}${PREFIX}`;
    evilUrl = `https://evil.${DOMAIN}:${port}/`;
    const provider = await startOidcProvider(publicUrl);
    parts.unshift(provider);
    site = await startSite('sibling domain', PREFIX, {
      seed: async (db) => void (await insertJob(db)),
      env: {
        AUTH_MODE: 'oidc',
        OIDC_ISSUER: provider.issuer,
        OIDC_CLIENT_ID: provider.client.id,
        OIDC_CLIENT_SECRET: provider.client.secret,
        SESSION_SECRET,
        PUBLIC_URL: publicUrl,
        ...ROLE_ENV,
      },
    });
    parts.unshift(site);
    parts.unshift(
      await startTls({
        port,
        consolePort: () => site.server.port,
        host,
        otherwise: (_request, response) => {
          response.setHeader('Content-Type', 'text/html');
          response.setHeader('Set-Cookie', planted);
          response.end('<!doctype html><title>Sibling</title><p>evil</p>');
        },
      }),
    );
  });
  test.afterAll(async () => {
    for (const part of parts) await part.stop();
  });

  async function signIn(page: Page, as: 'admin' | 'operator'): Promise<void> {
    await page.goto(`${publicUrl}/jobs`);
    await page.getByRole('button', { name: as, exact: true }).click();
    await page.waitForURL(`${publicUrl}/jobs`);
    await waitForHydration(page);
  }
  const sessionOf = async (context: BrowserContext) => {
    const cookie = (await context.cookies(publicUrl)).find(({ name }) =>
      /^__Host-gjc_[0-9a-f]{8}_session$/.test(name),
    );
    if (!cookie) throw new Error('No session cookie.');
    return cookie;
  };

  test('a sibling domain cannot plant a valid session cookie for the base path', async ({
    page,
    context,
    browser,
    problems,
  }) => {
    problems.allow(/favicon\.ico/);
    const attacker = await browser.newContext({ ignoreHTTPSErrors: true });
    await signIn(await attacker.newPage(), 'admin');
    const { name, value } = await sessionOf(attacker);
    await attacker.close();

    await signIn(page, 'operator');
    const ownSession = await sessionOf(context);
    expect(ownSession).toMatchObject({
      name,
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'Lax',
    });
    const unprefixedName = name.replace('__Host-', '');
    const attributes = `; Domain=${DOMAIN}; Path=${PREFIX}; Secure`;
    planted = [
      name,
      unprefixedName,
      `__Secure-${unprefixedName}`,
      `__host-${unprefixedName}`,
      'gjc_session',
      '__Secure-gjc_session',
    ].flatMap((each) => [
      `${each}=${value}${attributes}`,
      `${each}=${value}; Domain=${DOMAIN}; Path=/; Secure`,
    ]);
    planted.push(`=${name}=${value}; Domain=${DOMAIN}; Path=/; Secure`);
    await page.goto(evilUrl);
    const names = (await context.cookies(publicUrl)).map((cookie) => cookie.name);
    expect(names, 'the sibling can set cookies').toContain(`__Secure-${unprefixedName}`);

    await page.goto(`${publicUrl}/jobs`);
    await expect(page.getByRole('banner')).toContainText('operator');
    expect((await sessionOf(context)).value).toBe(ownSession.value);
    await context.clearCookies({ name });
    problems.allowStatus(401);
    const status = await page.evaluate(
      async (url) => (await fetch(url)).status,
      `${PREFIX}/api/jobs`,
    );
    expect(status).toBe(401);
  });

  test('preference cookies are Secure on https', async ({ page, context, problems }) => {
    problems.allow(/favicon\.ico/);
    await signIn(page, 'operator');
    await page.getByRole('button', { name: en('columnMenu.label') }).click();
    await page.getByLabel(en('jobs.columns.labels'), { exact: true }).uncheck();
    await expect
      .poll(async () => (await context.cookies(publicUrl)).find((c) => c.name === 'gjc_columns'))
      .toMatchObject({ secure: true, path: PREFIX, sameSite: 'Lax' });
  });
});
