import type { Env } from '../../lib/config/environment';
import { LocalAccess } from './local-access';
import { OidcAuthenticator, type OidcParts } from './oidc';
import { createProxyHeader } from './proxy-header';
import { createProxyJwt } from './proxy-jwt';
import type { StartTokens } from './start-token';
import type { Authenticator } from './types';

/** Dependencies of the auth modes: `startTokens` is for `none`, the rest for `oidc`. */
interface AuthenticatorParts extends OidcParts {
  startTokens: StartTokens | null;
}

/**
 * Returns null if the console is open to everyone. Throws EnvError if the JWT keys cannot be read.
 */
export function createAuthenticator(env: Env, parts: AuthenticatorParts): Authenticator | null {
  switch (env.auth.mode) {
    case 'none':
      return env.auth.isOpen ? null : new LocalAccess(env, env.auth, parts.startTokens);
    case 'proxy-header':
      return createProxyHeader(env.auth);
    case 'proxy-jwt':
      return createProxyJwt(env.auth);
    case 'oidc':
      return new OidcAuthenticator(env, env.auth, parts);
  }
}
