import * as client from 'openid-client';
import type { OidcConfig } from '../../lib/config/authentication';

/** The provider is unreachable, which is not a failure of the viewer to sign in. */
export class ProviderUnreachableError extends Error {}

const TIMEOUT_S = 10;
/** Delay before the next request after a failure. */
const RETRY_MS = 2_000;
/** Cache TTL of the discovery document, whose keys and endpoints can change. */
const TTL_MS = 12 * 3_600_000;

type Method = 'client_secret_basic' | 'client_secret_post';
const CLIENT_AUTHENTICATION: Record<Method, (secret: string) => client.ClientAuth> = {
  client_secret_basic: client.ClientSecretBasic,
  client_secret_post: client.ClientSecretPost,
};

/** Reads the discovery document at the first sign-in, so that the console starts without it. */
export function createProvider(config: OidcConfig) {
  let method: Method = 'client_secret_basic';
  let cache: { until: number; configuration: Promise<client.Configuration> } | undefined;

  function discover(): Promise<client.Configuration> {
    if (cache && cache.until > Date.now()) return cache.configuration;
    const configuration = client
      .discovery(
        config.issuer,
        config.clientId,
        { client_secret: config.clientSecret },
        CLIENT_AUTHENTICATION[method](config.clientSecret),
        {
          timeout: TIMEOUT_S,
          // By default the library trusts TLS and does not verify signatures of these tokens.
          execute: [
            client.enableNonRepudiationChecks,
            ...(config.issuer.protocol === 'http:' ? [client.allowInsecureRequests] : []),
          ],
        },
      )
      .catch((cause: unknown) => {
        cache = { until: Date.now() + RETRY_MS, configuration };
        throw new ProviderUnreachableError('The provider is unreachable.', { cause });
      });
    configuration.catch(() => undefined);
    cache = { until: Date.now() + TTL_MS, configuration };
    return configuration;
  }

  /**
   * Exchanges the code for tokens. Some providers accept only one authentication method for the
   * client secret, whatever they announce. A rejected client does not use up the code, so the other
   * method is tried.
   */
  async function grant(
    url: URL,
    checks: client.AuthorizationCodeGrantChecks,
  ): ReturnType<typeof client.authorizationCodeGrant> {
    try {
      return await client.authorizationCodeGrant(await discover(), url, checks);
    } catch (error) {
      if (!isInvalidClient(error)) throw error;
      const previousMethod = method;
      method = method === 'client_secret_basic' ? 'client_secret_post' : 'client_secret_basic';
      cache = undefined;
      return await client
        .authorizationCodeGrant(await discover(), url, checks)
        .catch((retryError: unknown) => {
          if (isInvalidClient(retryError)) method = previousMethod;
          throw retryError;
        });
    }
  }

  return { discover, grant };
}

function isInvalidClient(error: unknown): boolean {
  return (
    (error instanceof client.ResponseBodyError && error.error === 'invalid_client') ||
    error instanceof client.WWWAuthenticateChallengeError
  );
}
