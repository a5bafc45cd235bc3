import type { Env } from '../../lib/env';
import { type OidcParts, createOidc } from './oidc';
import { createProxyHeader } from './proxy-header';
import { createProxyJwt } from './proxy-jwt';
import type { Authenticator } from './types';

/** null: nobody signs in. Throws EnvError for keys that cannot be read. */
export function createAuthenticator(env: Env, parts: OidcParts): Authenticator | null {
  switch (env.auth.mode) {
    case 'none':
      return null;
    case 'proxy-header':
      return createProxyHeader(env.auth);
    case 'proxy-jwt':
      return createProxyJwt(env.auth);
    case 'oidc':
      return createOidc(env, env.auth, parts);
  }
}
