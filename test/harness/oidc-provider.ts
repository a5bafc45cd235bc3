import { type JWTPayload, SignJWT, exportJWK, generateKeyPair } from 'jose';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

export interface TestProvider {
  issuer: string;
  /** Who signs in next, without being asked. */
  account: Record<string, unknown> & { sub: string };
  /** What it answers in place of the ID tokens that it has signed. */
  forge?: (idToken: string) => string | Promise<string>;
  /** A token with the provider's own signature. */
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  /** Requests to the address of its keys so far. */
  keyRequests: number;
  /** Ends the browser's session at the provider, as another application's sign-out would; when the clients know. */
  endSession(browser: TestBrowser): Promise<void>;
  stop(): Promise<void>;
}

export const CLIENT = { id: 'console', secret: 'a/secret:of+the tests~of-the-console' };

/** A certified OpenID Provider on this machine that signs in whoever `account` says. `origin` is the console's. */
export async function startProvider(
  origin: string,
  clientAuth: 'client_secret_basic' | 'client_secret_post' = 'client_secret_basic',
): Promise<TestProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const key = await generateKeyPair('RS256', { extractable: true });
  const kid = 'key-of-the-tests';
  const running: TestProvider = {
    issuer,
    account: { sub: '1' },
    keyRequests: 0,
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, ...header }).sign(key.privateKey),
    async endSession(browser) {
      const page = await (await browser.get(`${issuer}/session/end`)).text();
      const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
      await browser.post(
        `${issuer}/session/end/confirm`,
        { 'content-type': 'application/x-www-form-urlencoded' },
        new URLSearchParams({ xsrf, logout: 'yes' }).toString(),
      );
    },
    stop: () =>
      new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
  };
  const configuration: Configuration = {
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
    jwks: { keys: [{ ...(await exportJWK(key.privateKey)), kid, alg: 'RS256', use: 'sig' }] },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
    },
    // By default it sends nothing to addresses of this machine.
    fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined } as object),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, accountId) => ({
      accountId,
      claims: () => ({ ...running.account, sub: accountId }),
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
  console.warn = () => undefined; // keys and storage for development: they are just that
  const provider = new Provider(issuer, configuration);
  console.warn = warn;
  provider.use(async (ctx, next) => {
    await next();
    const body = ctx.body as { id_token?: string } | undefined;
    if (ctx.path === '/token' && body?.id_token && running.forge)
      body.id_token = await running.forge(body.id_token);
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/jwks') running.keyRequests += 1;
    if (!request.url?.startsWith('/interaction/')) return void answer(request, response);
    provider
      .interactionFinished(
        request,
        response,
        { login: { accountId: running.account.sub } },
        { mergeWithLastSubmission: false },
      )
      .catch((error: unknown) => response.writeHead(400).end(String(error)));
  });
  return running;
}

/** What a browser does with cookies and redirects, and no more; addresses of other hosts are left as they are. */
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

  /** Goes on until an answer leads nowhere, or to `until`. */
  async follow(url: string, until = '\0'): Promise<{ url: string; response: Response | null }> {
    for (let step = 0; step < 12; step++) {
      const response = await this.get(url);
      const location = response.headers.get('location');
      if (!location) return { url, response };
      url = new URL(location, url).href;
      if (url.includes(until)) return { url, response: null };
    }
    throw new Error(`It goes round: ${url}`);
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
