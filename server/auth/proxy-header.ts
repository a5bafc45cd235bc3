import { createHash, timingSafeEqual } from 'node:crypto';
import type { ProxyHeaderConfig } from '../../lib/config/authentication';
import { MAX_GROUPS, nameText } from './name-text';
import { headerValues, takeAway, utf8Of, withoutBlanks } from './one-header';
import type { Authentication, AuthRefused, Authenticator } from './types';

const nameOf = (value: string | undefined) => nameText(withoutBlanks(utf8Of(value ?? '') ?? '\0'));
const digest = (text: string) => createHash('sha256').update(text).digest();
const refuse = (code: (AuthRefused & { status: 401 })['code']): Authentication => ({
  kind: 'refused',
  refused: { code, status: 401 },
});

/**
 * A proxy signed the viewer in and says in headers who it is (oauth2-proxy, Authelia, nginx auth_request). They
 * count only beside the secret that the proxy and the console share: whoever reaches the port can send the others.
 */
export function createProxyHeader(config: ProxyHeaderConfig): Authenticator {
  const expected = digest(config.secret);
  return {
    async authenticate(request) {
      const [secrets, users, emails, groups] = [
        config.secretHeader,
        config.userHeader,
        config.emailHeader,
        config.groupsHeader,
      ].map((name) => headerValues(request, name)) as [string[], string[], string[], string[]];
      for (const name of [
        config.secretHeader,
        config.userHeader,
        config.emailHeader,
        config.groupsHeader,
      ])
        takeAway(request, name);

      const [secret] = secrets;
      // Hashed first: of equal length, and the time says nothing of how much of it was right.
      if (
        secrets.length !== 1 ||
        secret === undefined ||
        !timingSafeEqual(digest(secret), expected)
      )
        return refuse('bad_proxy_secret');
      if (users.length === 0 || users[0] === '') return refuse('no_identity');
      // Two of a kind, or one that a lax proxy joined of the client's and its own: neither is to be believed.
      if (
        users.length > 1 ||
        emails.length > 1 ||
        groups.length > 1 ||
        [...users, ...emails].some((value) => value.includes(','))
      )
        return refuse('bad_identity');
      const user = nameOf(users[0]);
      const email = nameOf(emails[0]);
      const names = groups.flatMap((value) => value.split(',')).map(nameOf);
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
