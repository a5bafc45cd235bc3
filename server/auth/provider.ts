import * as client from 'openid-client';
import type { OidcConfig } from '../../lib/config/authentication';

/** The provider could not be asked: the fault is not the viewer's. */
export class ProviderUnreachable extends Error {}

const TIMEOUT_S = 10;
/** After a failure the provider is left alone for so long. */
const RETRY_MS = 2_000;
/** Keys and addresses change; what was discovered is asked for again after this. */
const FRESH_MS = 12 * 3_600_000;

type Method = 'client_secret_basic' | 'client_secret_post';
const AUTHENTICATIONS: Record<Method, (secret: string) => client.ClientAuth> = {
  client_secret_basic: client.ClientSecretBasic,
  client_secret_post: client.ClientSecretPost,
};

/** The provider's own document is read when somebody first signs in, so that the console starts without it. */
export function createProvider(config: OidcConfig) {
  let method: Method = 'client_secret_basic';
  let discovered: { until: number; found: Promise<client.Configuration> } | undefined;

  function discover(): Promise<client.Configuration> {
    if (discovered && discovered.until > Date.now()) return discovered.found;
    const found = client
      .discovery(
        config.issuer,
        config.clientId,
        { client_secret: config.clientSecret },
        AUTHENTICATIONS[method](config.clientSecret),
        {
          timeout: TIMEOUT_S,
          // By default a token from the provider's own address is believed for its TLS; its signature is to hold by itself.
          execute: [
            client.enableNonRepudiationChecks,
            ...(config.issuer.protocol === 'http:' ? [client.allowInsecureRequests] : []),
          ],
        },
      )
      .catch((cause: unknown) => {
        discovered = { until: Date.now() + RETRY_MS, found };
        throw new ProviderUnreachable('The provider could not be asked.', { cause });
      });
    found.catch(() => undefined);
    discovered = { until: Date.now() + FRESH_MS, found };
    return found;
  }

  /** Some providers take the client's secret in one way only, whatever they say. A refused client has used nothing up. */
  async function grant(
    url: URL,
    checks: client.AuthorizationCodeGrantChecks,
  ): ReturnType<typeof client.authorizationCodeGrant> {
    try {
      return await client.authorizationCodeGrant(await discover(), url, checks);
    } catch (error) {
      if (!isInvalidClient(error)) throw error;
      const before = method;
      method = method === 'client_secret_basic' ? 'client_secret_post' : 'client_secret_basic';
      discovered = undefined;
      return await client
        .authorizationCodeGrant(await discover(), url, checks)
        .catch((again: unknown) => {
          if (isInvalidClient(again)) method = before;
          throw again;
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
