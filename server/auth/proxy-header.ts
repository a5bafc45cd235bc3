import { createHash, timingSafeEqual } from 'node:crypto';
import type { ProxyHeaderConfig } from '../../lib/config/authentication';
import { MAX_GROUPS, safeName } from './name-text';
import { headerValues, removeHeader, decodeUtf8, trimBlanks } from './one-header';
import type { Authentication, AuthRefusal, Authenticator } from './types';

const parseName = (value: string | undefined) =>
  safeName(trimBlanks(decodeUtf8(value ?? '') ?? '\0'));
const digest = (text: string) => createHash('sha256').update(text).digest();
const refuse = (code: (AuthRefusal & { status: 401 })['code']): Authentication => ({
  kind: 'refused',
  refused: { code, status: 401 },
});

/**
 * AUTH_MODE=proxy-header: a proxy sends the user in headers (oauth2-proxy, Authelia, nginx
 * auth_request). They need the shared secret, because any client of the port could send them.
 */
export function createProxyHeader(config: ProxyHeaderConfig): Authenticator {
  const expectedDigest = digest(config.secret);
  return {
    async authenticate(request) {
      const secrets = headerValues(request, config.secretHeader);
      const users = headerValues(request, config.userHeader);
      const emails = headerValues(request, config.emailHeader);
      const groups = headerValues(request, config.groupsHeader);
      for (const name of [
        config.secretHeader,
        config.userHeader,
        config.emailHeader,
        config.groupsHeader,
      ])
        removeHeader(request, name);

      const [secret] = secrets;
      // timingSafeEqual needs equal lengths, so compare digests.
      if (
        secrets.length !== 1 ||
        secret === undefined ||
        !timingSafeEqual(digest(secret), expectedDigest)
      )
        return refuse('bad_proxy_secret');
      if (users.length === 0 || users[0] === '') return refuse('no_identity');
      // Repeated headers, or one joined with commas by a proxy, may contain the client's own value.
      if (
        users.length > 1 ||
        emails.length > 1 ||
        groups.length > 1 ||
        [...users, ...emails].some((value) => value.includes(','))
      )
        return refuse('bad_identity');
      const user = parseName(users[0]);
      const email = parseName(emails[0]);
      const names = groups.flatMap((value) => value.split(',')).map(parseName);
      if (!user || email === null || names.length > MAX_GROUPS)
        return refuse(user === '' ? 'no_identity' : 'bad_identity');
      return {
        kind: 'identity',
        trustedProxy: true,
        identity: {
          id: user,
          user,
          email: email || null,
          name: null,
          groups: names.flatMap((name) => name || []),
        },
      };
    },
  };
}
