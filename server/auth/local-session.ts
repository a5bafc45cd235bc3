import { createHash, randomBytes } from 'node:crypto';
import type { SessionLimits } from '../../lib/config/authentication';

/** Browsers that one person has signed in on this machine at once; the one that was used last goes last. */
const MAX_SESSIONS = 100;

const keyOf = (id: string) => createHash('sha256').update(id).digest('base64');

/** Sessions of the mode without sign-in: in this process' memory by the hash of their id, over with a restart. */
export class LocalSessions {
  /** By hash, least recently seen first. Times are ms since 1970. */
  readonly #sessions = new Map<string, { seenAt: number; endsAt: number }>();

  constructor(
    private readonly limits: SessionLimits,
    private readonly now: () => number = Date.now,
  ) {}

  /** Starts a session and returns its id, which is stored nowhere. */
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

  /** Whether the session is open. `isActivity`: it counts as use, which postpones the idle end. */
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
