import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { OidcConfig } from '../../lib/auth/config';
import { type Identity, groupsOfRules, type RoleRules } from '../../lib/auth/roles';
import { type CookieJar, authCookies } from './cookies';
import { ExpiringSet } from './expiring-set';
import { createSealer } from './sealed-cookie';

/** Ended sessions that are remembered at most. */
const MAX_REVOKED = 20_000;

/** Who signed in, as their own browser keeps it for us, encrypted. Times are ms since 1970. */
export interface Session {
  id: string;
  identity: Identity;
  groupsOverage: boolean;
  /** For the provider's sign-out; left out where the cookie would be too large. */
  idToken?: string;
  /** When it was sealed last. */
  seenAt: number;
  /** However active: over then. */
  endsAt: number;
}

/**
 * Sessions live in the browser alone, so a restart or a second server ends none. What was signed out is remembered
 * here until it would have ended: by this process; a copy of the cookie outlives it on another one.
 */
export function createSessions(
  config: OidcConfig & { roles: RoleRules },
  jar: CookieJar,
  audience: string,
) {
  const sealer = createSealer(config.sessionSecrets, `session ${audience}`);
  const revoked = new ExpiringSet(MAX_REVOKED);
  const mentioned = groupsOfRules(config.roles);

  async function seal(session: Session): Promise<string | null> {
    const until = Math.min(session.seenAt + config.idleMs, session.endsAt);
    const seconds = Math.max(1, Math.ceil((until - session.seenAt) / 1000));
    for (const kept of [session, { ...session, idToken: undefined }]) {
      const cookie = jar.set(jar.session, await sealer.seal({ session: kept }, until), seconds);
      if (cookie) return cookie;
    }
    return null;
  }

  return {
    /** A new one at each sign-in, whatever the browser had before. `cookie` null: too large for a browser. */
    async start(
      identity: Identity,
      more: { groupsOverage: boolean; idToken?: string },
    ): Promise<string | null> {
      const now = Date.now();
      // Of hundreds of groups, those that decide.
      const groups = identity.groups.filter((group) => mentioned.has(group));
      return seal({
        id: randomUUID(),
        identity: { ...identity, groups },
        ...more,
        seenAt: now,
        endsAt: now + config.maxMs,
      });
    },

    async read(request: IncomingMessage): Promise<Session | null> {
      const value = authCookies(request).get(jar.session);
      const opened = value === undefined ? null : await sealer.open(value);
      if (!opened) return null;
      const session = opened.session as Session;
      const now = Date.now();
      // The clock of the cookie counts whole seconds; this one decides.
      return !revoked.has(session.id) &&
        now < session.endsAt &&
        now < session.seenAt + config.idleMs
        ? session
        : null;
    },

    /** The cookie that carries it on; null: it was carried on just now. */
    async touch(session: Session): Promise<string | null> {
      const now = Date.now();
      return now - session.seenAt < Math.min(60_000, config.idleMs / 4)
        ? null
        : seal({ ...session, seenAt: now });
    },

    revoke({ id, endsAt }: Session): void {
      revoked.add(id, endsAt);
    },
  };
}
export type Sessions = ReturnType<typeof createSessions>;
