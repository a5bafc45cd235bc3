import type { Env } from '../../lib/config/environment';
import { createLocalAccess } from './local-access';
import { type OidcParts, createOidc } from './oidc';
import { createProxyHeader } from './proxy-header';
import { createProxyJwt } from './proxy-jwt';
import type { StartTokens } from './start-token';
import type { Authenticator } from './types';

/** What signing in needs besides the configuration: start tokens without sign-in, the rest with `oidc`. */
export interface AuthenticatorParts extends OidcParts {
  startTokens: StartTokens | null;
}

/** null: the console is open to everybody. Throws EnvError for keys that cannot be read. */
export function createAuthenticator(env: Env, parts: AuthenticatorParts): Authenticator | null {
  switch (env.auth.mode) {
    case 'none':
      return env.auth.open ? null : createLocalAccess(env, env.auth, parts.startTokens);
    case 'proxy-header':
      return createProxyHeader(env.auth);
    case 'proxy-jwt':
      return createProxyJwt(env.auth);
    case 'oidc':
      return createOidc(env, env.auth, parts);
  }
}
