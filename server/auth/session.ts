import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Identity, groupsOfRules } from '../../lib/auth/roles';
import type { OidcConfig, RoleRules } from '../../lib/config/authentication';
import type { Revocation } from '../../lib/sessions/revocation';
import { type CookieJar, authCookieValues, authCookies } from './cookies';
import type { Revocations } from './revocations';
import { type Sealer, createSealer } from './sealed-cookie';

/** A session, stored encrypted in the browser's cookie. Times are ms since 1970. */
export interface Session {
  id: string;
  identity: Identity;
  groupsOverage: boolean;
  /** Used for the provider's sign-out; omitted if the cookie would be too large. */
  idToken?: string;
  /** Digest of the ID token's `sub`. */
  subjectKey: string;
  /** Digest of the ID token's `sid` (the provider's session); missing if the token has none. */
  providerSessionKey?: string;
  /** `iat` of the ID token: seconds since 1970 by the provider's clock. */
  issuedAtS: number;
  /** When the cookie was last encrypted. */
  seenAt: number;
  /** Absolute end, independent of activity. */
  endsAt: number;
}

/** The part of a session that identifies it at the provider. */
export type SessionOrigin = Pick<Session, 'subjectKey' | 'providerSessionKey' | 'issuedAtS'>;

interface SessionParts {
  jar: CookieJar;
  /** Identifies console and client, so that a cookie of another one cannot be decrypted. */
  audience: string;
  revocations: Revocations;
  digest: (value: string) => string;
}

/** Sessions are stored in cookies only, so they survive a restart and work on every server. */
export class Sessions {
  private readonly jar: CookieJar;
  private readonly revocations: Revocations;
  private readonly digest: (value: string) => string;
  private readonly sealer: Sealer;
  private readonly relevantGroups: Set<string>;

  constructor(
    private readonly config: OidcConfig & { roles: RoleRules },
    { jar, audience, revocations, digest }: SessionParts,
  ) {
    this.jar = jar;
    this.revocations = revocations;
    this.digest = digest;
    // Increment the number when required fields change, to invalidate sessions of older releases.
    this.sealer = createSealer(config.sessionSecrets, `session 2 ${audience}`);
    this.relevantGroups = groupsOfRules(config.roles);
  }

  /** Returns the cookie of a new session; null if it is too large for a browser. */
  async start(
    identity: Identity,
    origin: SessionOrigin & { groupsOverage: boolean; idToken?: string },
  ): Promise<string | null> {
    const now = Date.now();
    // Keep the cookie small: a user may have hundreds of groups.
    const groups = identity.groups.filter((group) => this.relevantGroups.has(group));
    return this.seal({
      id: randomUUID(),
      identity: { ...identity, groups },
      ...origin,
      seenAt: now,
      endsAt: now + this.config.maxMs,
    });
  }

  /** The session of the cookie; null if it has expired or is revoked on this server. */
  async open(request: IncomingMessage): Promise<Session | null> {
    const value = authCookies(request).get(this.jar.session);
    return value === undefined ? null : this.unseal(value);
  }

  /** All sessions of a cookie sent more than once, which an attacker can cause on plain http. */
  async openAll(request: IncomingMessage): Promise<Session[]> {
    const values = new Set(authCookieValues(request).get(this.jar.session));
    const sessions = await Promise.all([...values].map((value) => this.unseal(value)));
    return sessions.filter((session) => session !== null);
  }

  /** Like `open`, with the revocations of other servers; `unavailable` if they were never read. */
  async read(request: IncomingMessage): Promise<Session | 'unavailable' | null> {
    const session = await this.open(request);
    if (!session) return null;
    if (!(await this.revocations.refresh())) return 'unavailable';
    return this.isRevoked(session) ? null : session;
  }

  /** Returns a cookie that restarts the idle timeout; null if it was restarted recently. */
  async touch(session: Session): Promise<string | null> {
    const now = Date.now();
    return now - session.seenAt < Math.min(60_000, this.config.idleMs / 4)
      ? null
      : this.seal({ ...session, seenAt: now });
  }

  /** Revokes the session on every server. Never throws. */
  async revoke(session: Session): Promise<void> {
    const key = this.digest(session.id);
    const expiresAtMs = Math.ceil(session.endsAt);
    const revocation: Revocation = { kind: 'session', key, expiresAtMs, issuedUntilSeconds: null };
    await this.revocations.revoke([revocation]);
  }

  private isRevoked(session: Session): boolean {
    return this.revocations.isRevoked({ ...session, key: this.digest(session.id) });
  }

  private async seal(session: Session): Promise<string | null> {
    const until = Math.min(session.seenAt + this.config.idleMs, session.endsAt);
    const seconds = Math.max(1, Math.ceil((until - session.seenAt) / 1000));
    for (const payload of [session, { ...session, idToken: undefined }]) {
      const value = await this.sealer.seal({ session: payload }, until);
      const cookie = this.jar.set(this.jar.session, value, seconds);
      if (cookie) return cookie;
    }
    return null;
  }

  private async unseal(value: string): Promise<Session | null> {
    const payload = await this.sealer.open(value);
    if (!payload) return null;
    // Only `seal` encrypts cookies with this key.
    const session = payload.session as Session;
    const now = Date.now();
    // The expiry inside the cookie has whole seconds only.
    const isExpired = now >= session.endsAt || now >= session.seenAt + this.config.idleMs;
    return isExpired || this.isRevoked(session) ? null : session;
  }
}
