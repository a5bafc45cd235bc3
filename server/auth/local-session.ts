import { createHash, randomBytes } from 'node:crypto';
import type { SessionLimits } from '../../lib/config/authentication';

/** Browsers signed in at once on this machine; the least recently used is evicted. */
const MAX_SESSIONS = 100;

const keyOf = (id: string) => createHash('sha256').update(id).digest('base64');

/** Sessions of AUTH_MODE=none, in memory by the hash of their id; a restart ends them. */
export class LocalSessions {
  /** By hash, least recently seen first. Times are ms since 1970. */
  readonly #sessions = new Map<string, { seenAt: number; endsAt: number }>();

  constructor(
    private readonly limits: SessionLimits,
    private readonly now: () => number = Date.now,
  ) {}

  /** Starts a session and returns its id, of which only the hash is stored. */
  start(): string {
    const id = randomBytes(32).toString('base64url');
    const now = this.now();
    for (const [key, session] of this.#sessions)
      if (!this.#isOpen(session, now)) this.#sessions.delete(key);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
    this.#sessions.set(keyOf(id), { seenAt: now, endsAt: now + this.limits.maxMs });
    return id;
  }

  /** Whether the session is open. `isActivity` restarts the idle timeout. */
  has(id: string, isActivity: boolean): boolean {
    const key = keyOf(id);
    const session = this.#sessions.get(key);
    const now = this.now();
    if (!session) return false;
    if (!this.#isOpen(session, now)) {
      this.#sessions.delete(key);
      return false;
    }
    if (isActivity) {
      this.#sessions.delete(key);
      this.#sessions.set(key, { ...session, seenAt: now });
    }
    return true;
  }

  #isOpen({ seenAt, endsAt }: { seenAt: number; endsAt: number }, now: number): boolean {
    return now < endsAt && now < seenAt + this.limits.idleMs;
  }
}
