import type { Env } from '../../lib/env';
import { createLocalAccess } from './local-access';
import { createOidc } from './oidc';
import { createProxyHeader } from './proxy-header';
import { createProxyJwt } from './proxy-jwt';
import type { StartTokens } from './start-token';
import type { Authenticator } from './types';

/** null: the console is open to everybody. Throws EnvError for keys that cannot be read. */
export function createAuthenticator(env: Env, tokens: StartTokens | null): Authenticator | null {
  switch (env.auth.mode) {
    case 'none':
      return env.auth.open ? null : createLocalAccess(env, env.auth, tokens);
    case 'proxy-header':
      return createProxyHeader(env.auth);
    case 'proxy-jwt':
      return createProxyJwt(env.auth);
    case 'oidc':
      return createOidc(env, env.auth);
  }
}
