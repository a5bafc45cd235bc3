import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Identity, groupsOfRules } from '../../lib/auth/roles';
import type { OidcConfig } from '../../lib/config/authentication';
import type { RoleRules } from '../../lib/config/roles';
import { type CookieJar, authCookieValues, authCookies } from './cookies';
import type { Revocations } from './revocations';
import { createSealer } from './sealed-cookie';

/** Who signed in, as their own browser keeps it for us, encrypted. Times are ms since 1970. */
export interface Session {
  id: string;
  identity: Identity;
  groupsOverage: boolean;
  /** For the provider's sign-out; left out where the cookie would be too large. */
  idToken?: string;
  /** Digest of the ID token's `sub`. */
  subjectKey: string;
  /** Digest of the ID token's `sid`, the session at the provider; left out where the provider sends none. */
  providerSessionKey?: string;
  /** Seconds since 1970, by the provider's clock. */
  issuedAtS: number;
  /** When it was sealed last. */
  seenAt: number;
  /** However active: over then. */
  endsAt: number;
}

/** What the ID token says of the session at the provider. */
export type SessionOrigin = Pick<Session, 'subjectKey' | 'providerSessionKey' | 'issuedAtS'>;

interface SessionParts {
  jar: CookieJar;
  /** Names the console and its client: a cookie of another one cannot be opened. */
  audience: string;
  revocations: Revocations;
  digest: (value: string) => string;
}

/** Sessions live in the browser alone, so a restart or a second server ends none; what ends one is a revocation. */
export function createSessions(
  config: OidcConfig & { roles: RoleRules },
  { jar, audience, revocations, digest }: SessionParts,
) {
  // The number changes with what a session must hold: one of an older release cannot be opened.
  const sealer = createSealer(config.sessionSecrets, `session 2 ${audience}`);
  const mentioned = groupsOfRules(config.roles);
  const keyOf = (session: Session) => ({ ...session, key: digest(session.id) });

  async function seal(session: Session): Promise<string | null> {
    const until = Math.min(session.seenAt + config.idleMs, session.endsAt);
    const seconds = Math.max(1, Math.ceil((until - session.seenAt) / 1000));
    for (const payload of [session, { ...session, idToken: undefined }]) {
      const cookie = jar.set(jar.session, await sealer.seal({ session: payload }, until), seconds);
      if (cookie) return cookie;
    }
    return null;
  }

  async function unseal(value: string): Promise<Session | null> {
    const opened = await sealer.open(value);
    if (!opened) return null;
    const session = opened.session as Session;
    const now = Date.now();
    // The clock of the cookie counts whole seconds; this one decides.
    const isOver = now >= session.endsAt || now >= session.seenAt + config.idleMs;
    return isOver || revocations.isRevoked(keyOf(session)) ? null : session;
  }

  return {
    /** A new one at each sign-in, whatever the browser had before. `cookie` null: too large for a browser. */
    async start(
      identity: Identity,
      more: SessionOrigin & { groupsOverage: boolean; idToken?: string },
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

    /** The session of the cookie, unless this server knows that it is over. */
    async open(request: IncomingMessage): Promise<Session | null> {
      const value = authCookies(request).get(jar.session);
      return value === undefined ? null : unseal(value);
    },

    /** Of a cookie that was sent more than once, as anybody can have a browser do on plain http, each session there is. */
    async openAll(request: IncomingMessage): Promise<Session[]> {
      const values = new Set(authCookieValues(request).get(jar.session));
      const opened = await Promise.all([...values].map(unseal));
      return opened.filter((session) => session !== null);
    },

    /** The same with what other servers revoked; `unavailable`: that could not be read since the start. */
    async read(request: IncomingMessage): Promise<Session | 'unavailable' | null> {
      const session = await this.open(request);
      if (!session) return null;
      if (!(await revocations.refresh())) return 'unavailable';
      return revocations.isRevoked(keyOf(session)) ? null : session;
    },

    /** The cookie that carries it on; null: it was carried on just now. */
    async touch(session: Session): Promise<string | null> {
      const now = Date.now();
      return now - session.seenAt < Math.min(60_000, config.idleMs / 4)
        ? null
        : seal({ ...session, seenAt: now });
    },

    /** Ends it on every server; never throws. */
    async revoke(session: Session): Promise<void> {
      const key = digest(session.id);
      const expiresAtMs = Math.ceil(session.endsAt);
      await revocations.revoke([{ kind: 'session', key, expiresAtMs, issuedUntilS: null }]);
    },
  };
}
export type Sessions = ReturnType<typeof createSessions>;
