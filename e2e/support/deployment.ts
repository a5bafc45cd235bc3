import type pg from 'pg';
import { type Page, expect } from 'playwright/test';
import { freePort } from '../../test/postgres/free-port';
import { type AccountName, ROLE_ENV } from './accounts';
import { startNginx } from './nginx';
import { startOidcProvider } from './oidc-provider';
import { startProxySignIn } from './proxy-sign-in';
import { type Site, waitForHydration, startSite } from './site';

/** A setup of docs/sso.md: sign-in method, proxy and path. */
export interface Topology {
  basePath: string;
  signIn: 'proxy' | 'oidc';
  /** null: no proxy in front of the console. */
  nginx: { stripsPrefix: boolean } | null;
  env?: Record<string, string>;
}

const SECRET = 'the-secret-of-nginx-and-the-console';

export class Deployment {
  constructor(
    readonly topology: Topology,
    readonly site: Site,
    /** The URL for browsers, with the base path. */
    readonly publicUrl: string,
    private readonly parts: { stop(): Promise<void> }[],
  ) {}

  url(path: string): string {
    return this.publicUrl + path;
  }

  /** Opens a page, signs in and waits for the page. */
  async signIn(page: Page, as: AccountName, path = '/jobs'): Promise<void> {
    await page.goto(this.url(path));
    await page.getByRole('button', { name: as, exact: true }).click();
    await page.waitForURL(this.url(path));
  }

  async open(page: Page, path: string): Promise<void> {
    await page.goto(this.url(path));
    await waitForHydration(page);
  }

  /** Signs out at the console, or at the proxy if that handles the sign-in. */
  async signOut(page: Page): Promise<void> {
    if (this.topology.signIn === 'proxy')
      return void (await page.goto(new URL('/sign-out', this.publicUrl).href));
    await page.locator('.sidebar .viewer-button').click();
    await page.locator('.sidebar form[action$="/auth/sign-out"] button').click();
    await page.getByRole('button', { name: /yes, sign me out/i }).click();
    await page.waitForURL(this.url('/auth/signed-out*'));
  }

  /** Expects the sign-in form in place of the page. */
  async expectSignedOut(page: Page, path: string): Promise<void> {
    await page.goto(this.url(path));
    await expect(
      page.getByRole('button', { name: 'operator', exact: true }),
      'the sign-in form appears',
    ).toBeVisible();
  }

  async stop(): Promise<void> {
    for (const part of this.parts) await part.stop();
  }
}

export async function startDeployment(
  name: string,
  topology: Topology,
  seed?: (db: pg.Client) => Promise<void>,
): Promise<Deployment> {
  const { basePath, signIn, nginx, env = {} } = topology;
  const port = await freePort();
  const publicUrl = `http://localhost:${port}${basePath}`;
  const parts: { stop(): Promise<void> }[] = [];
  try {
    const provider = signIn === 'oidc' ? await startOidcProvider(publicUrl) : null;
    const proxy = signIn === 'proxy' ? await startProxySignIn() : null;
    for (const part of [provider, proxy]) if (part) parts.unshift(part);
    const identity: Record<string, string> = provider
      ? {
          AUTH_MODE: 'oidc',
          OIDC_ISSUER: provider.issuer,
          OIDC_CLIENT_ID: provider.client.id,
          OIDC_CLIENT_SECRET: provider.client.secret,
          SESSION_SECRET: 'a session secret of the tests that is long enough',
        }
      : { AUTH_MODE: 'proxy-header', AUTH_PROXY_SECRET: SECRET };
    const site = await startSite(name, basePath, {
      seed,
      env: {
        PUBLIC_URL: publicUrl,
        ...ROLE_ENV,
        ...identity,
        ...(nginx
          ? { PROXY_STRIPS_PREFIX: nginx.stripsPrefix ? '1' : '0' }
          : { PORT: String(port) }),
        ...env,
      },
    });
    parts.unshift(site);
    if (nginx)
      parts.unshift(
        await startNginx({
          port,
          basePath,
          console: site.server.port,
          stripsPrefix: nginx.stripsPrefix,
          signIn: proxy ? { port: proxy.port, secret: SECRET } : undefined,
        }),
      );
    return new Deployment(topology, site, publicUrl, parts);
  } catch (error) {
    for (const part of parts) await part.stop();
    throw error;
  }
}
