import { type JWTPayload, SignJWT, exportJWK, generateKeyPair } from 'jose';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

export interface TestProvider {
  issuer: string;
  /** The account that the next sign-in uses without interaction. */
  account: Record<string, unknown> & { sub: string };
  /** Replaces the ID tokens of the provider. */
  forge?: (idToken: string) => string | Promise<string>;
  /** Returns a token signed with the provider's key. */
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  /** Number of requests for the provider's keys. */
  keyRequests: number;
  /**
   * Ends the provider session, as a sign-out of another application would, and notifies clients.
   */
  endSession(browser: TestBrowser): Promise<void>;
  stop(): Promise<void>;
}

type ClientAuth = 'client_secret_basic' | 'client_secret_post';

export const CLIENT = { id: 'console', secret: 'a/secret:of+the tests~of-the-console' };

function staticConfiguration(origin: string, clientAuth: ClientAuth): Configuration {
  return {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        token_endpoint_auth_method: clientAuth,
        response_types: ['code'],
        grant_types: ['authorization_code'],
        redirect_uris: [`${origin}/auth/callback`],
        post_logout_redirect_uris: [`${origin}/auth/signed-out`],
        backchannel_logout_uri: `${origin}/auth/backchannel-logout`,
        backchannel_logout_session_required: true,
      },
    ],
    pkce: { required: () => true },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'groups', '_claim_names'],
    },
    cookies: { keys: ['a key of the tests'] },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
    },
    // By default the provider refuses to call loopback addresses.
    fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined } as object),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  };
}

async function endSession(issuer: string, browser: TestBrowser): Promise<void> {
  const page = await (await browser.get(`${issuer}/session/end`)).text();
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
  await browser.post(
    `${issuer}/session/end/confirm`,
    { 'content-type': 'application/x-www-form-urlencoded' },
    new URLSearchParams({ xsrf, logout: 'yes' }).toString(),
  );
}

/** Starts an OpenID provider that signs in `account`. `origin` is the origin of the console. */
export async function startProvider(
  origin: string,
  clientAuth: ClientAuth = 'client_secret_basic',
): Promise<TestProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const key = await generateKeyPair('RS256', { extractable: true });
  const kid = 'key-of-the-tests';
  const testProvider: TestProvider = {
    issuer,
    account: { sub: '1' },
    keyRequests: 0,
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, ...header }).sign(key.privateKey),
    endSession: (browser) => endSession(issuer, browser),
    stop: () =>
      new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
  };
  const configuration: Configuration = {
    ...staticConfiguration(origin, clientAuth),
    jwks: { keys: [{ ...(await exportJWK(key.privateKey)), kid, alg: 'RS256', use: 'sig' }] },
    findAccount: (_ctx, accountId) => ({
      accountId,
      claims: () => ({ ...testProvider.account, sub: accountId }),
    }),
    async loadExistingGrant({ oidc: { client, session } }) {
      if (!client || !session?.accountId) return undefined;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  };
  const { warn } = console;
  console.warn = () => undefined; // silence the warnings about development keys and storage
  const provider = new Provider(issuer, configuration);
  console.warn = warn;
  provider.use(async (ctx, next) => {
    await next();
    const body = ctx.body as { id_token?: string } | undefined;
    if (ctx.path === '/token' && body?.id_token && testProvider.forge)
      body.id_token = await testProvider.forge(body.id_token);
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/jwks') testProvider.keyRequests += 1;
    if (!request.url?.startsWith('/interaction/')) return void answer(request, response);
    provider
      .interactionFinished(
        request,
        response,
        { login: { accountId: testProvider.account.sub } },
        { mergeWithLastSubmission: false },
      )
      .catch((error: unknown) => response.writeHead(400).end(String(error)));
  });
  return testProvider;
}

/** An HTTP client that handles cookies per origin and follows redirects. */
export class TestBrowser {
  readonly cookies = new Map<string, Map<string, string>>();

  header(origin: string): Record<string, string> {
    const jar = [...(this.cookies.get(origin) ?? [])];
    return jar.length > 0
      ? { cookie: jar.map(([name, value]) => `${name}=${value}`).join('; ') }
      : {};
  }

  async get(url: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#fetch(url, { headers: { accept: 'text/html', ...headers } });
  }

  async post(url: string, headers: Record<string, string> = {}, body = ''): Promise<Response> {
    return this.#fetch(url, { method: 'POST', headers, body });
  }

  /** Follows redirects to the end or to a URL that contains `until`. */
  async follow(url: string, until = '\0'): Promise<{ url: string; response: Response | null }> {
    for (let step = 0; step < 12; step++) {
      const response = await this.get(url);
      const location = response.headers.get('location');
      if (!location) return { url, response };
      url = new URL(location, url).href;
      if (url.includes(until)) return { url, response: null };
    }
    throw new Error(`Too many redirects: ${url}`);
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const { origin } = new URL(url);
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...this.header(origin), ...(init.headers as Record<string, string>) },
    });
    const jar = this.cookies.get(origin) ?? new Map<string, string>();
    this.cookies.set(origin, jar);
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/max-age=0(;|$)/i.test(cookie) || /expires=Thu, 01 Jan 1970/i.test(cookie))
        jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  }
}
