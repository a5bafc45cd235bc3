import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';
import { ACCOUNTS } from './accounts';

interface OidcProvider {
  issuer: string;
  client: { id: string; secret: string };
  stop(): Promise<void>;
}

/** Replaces the library's own page, which loads a remote font. */
const logoutSource = (ctx: { body: unknown }, form: string) =>
  void Object.assign(ctx, {
    body:
      `<!doctype html><title>Provider</title>${form}` +
      '<button form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>',
  });

const CLIENT = { id: 'good-job-console', secret: 'a-secret-of-the-tests-of-the-console' };

/**
 * A certified OpenID Provider on localhost with PKCE and RP-initiated logout, which only asks for
 * an account name. `publicUrl` is that of the console.
 */
export async function startOidcProvider(publicUrl: string): Promise<OidcProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const configuration: Configuration = {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        response_types: ['code'],
        grant_types: ['authorization_code'],
        redirect_uris: [`${publicUrl}/auth/callback`],
        post_logout_redirect_uris: [`${publicUrl}/auth/signed-out`],
      },
    ],
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['groups'] },
    cookies: { keys: ['a key of the tests'] },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: true, logoutSource },
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, id) => {
      const account = ACCOUNTS.find(({ name }) => name === id);
      return (
        account && {
          accountId: id,
          claims: () => ({
            sub: id,
            email: account.email,
            email_verified: true,
            groups: [...account.groups],
          }),
        }
      );
    },
    // Skips the consent screen, as an organisation-wide consent does.
    async loadExistingGrant(ctx) {
      const { client, session } = ctx.oidc;
      if (!client || !session?.accountId) return undefined;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  };
  const warn = console.warn;
  // Silences warnings about development keys and storage, which are intended here.
  console.warn = () => undefined;
  const provider = new Provider(issuer, configuration);
  console.warn = warn;
  const handleRequest = provider.callback();
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', issuer);
    if (!url.pathname.startsWith('/interaction/')) return void handleRequest(request, response);
    const as = url.searchParams.get('as');
    const interaction = as
      ? provider.interactionFinished(
          request,
          response,
          { login: { accountId: as } },
          { mergeWithLastSubmission: false },
        )
      : Promise.resolve(
          void response
            .setHeader('Content-Type', 'text/html; charset=utf-8')
            .end(
              `<!doctype html><title>Provider</title><form>${ACCOUNTS.map(
                ({ name }) => `<button name="as" value="${name}">${name}</button>`,
              ).join('')}</form>`,
            ),
        );
    interaction.catch((error: unknown) => response.writeHead(400).end(String(error)));
  });
  return {
    issuer,
    client: CLIENT,
    stop: () =>
      new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
  };
}
