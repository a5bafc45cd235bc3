import 'server-only';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ctx } from '../ctx';
import { env } from '../env';
import type { DetectedSchema } from '../good-job/schema';
import { findAttention } from './find';
import { GRACE } from './look';
import type { Attention } from './types';

/** What was found is kept so long, for all viewers of this server together, and what took its time so much longer. */
const KEPT_MS = 3_000;
const KEPT_PER_MS = 10;
const KEPT_MS_MOST = 30_000;
/** Nobody waits longer for what is new, where there is something that is not older than a minute. */
const PATIENCE_MS = 250;
const STALE_MS = 60_000;

interface Kept {
  found: Promise<Attention>;
  /** The last that was found, while the next is looked for. */
  last?: Attention;
  at: number;
  until: number;
}

/** Modules are instantiated more than once in one server; by schema, for tests ask several databases. */
const shared = globalThis as typeof globalThis & {
  goodJobConsoleAttention?: WeakMap<DetectedSchema, Kept>;
};
const kept = (shared.goodJobConsoleAttention ??= new WeakMap<DetectedSchema, Kept>());

/** What needs attention, as of a few seconds ago; where it takes its time to look, what was found before. */
export async function getAttention(ctx: Ctx): Promise<Attention> {
  const known = kept.get(ctx.gj.schema);
  const { found, last, at } = known && known.until > Date.now() ? known : look(ctx);
  if (!last || at < Date.now() - STALE_MS) return found;
  return Promise.race([found, sleep(PATIENCE_MS, last, { ref: false })]);
}

/** What was found last, without waiting; null: nobody has looked yet, or longer than `maxAgeMs` ago. Looks again behind the answer when that is older than `freshMs`. */
export function lastAttention(
  ctx: Ctx,
  { freshMs, maxAgeMs }: { freshMs: number; maxAgeMs: number },
): Attention | null {
  const known = kept.get(ctx.gj.schema);
  const age = known ? Date.now() - known.at : Infinity;
  // A failed look says nothing here: whoever opens the page is told.
  if (age > freshMs && (known?.until ?? 0) <= Date.now())
    void look(ctx).found.catch(() => undefined);
  return known?.last && age <= maxAgeMs ? known.last : null;
}

/** After a repair: what was found is not so any more. */
export function forgetAttention(ctx: Ctx): void {
  kept.delete(ctx.gj.schema);
}

function look(ctx: Ctx): Kept {
  const started = Date.now();
  const before = kept.get(ctx.gj.schema);
  const entry: Kept = {
    found: findAttention(ctx, { ...GRACE, readyMinutes: env().attentionReadyMinutes }),
    last: before?.last,
    at: before?.at ?? 0,
    until: Infinity,
  };
  kept.set(ctx.gj.schema, entry);
  entry.found.then(
    (attention) => {
      const now = Date.now();
      Object.assign(entry, {
        last: attention,
        at: now,
        until: now + Math.min(KEPT_MS + (now - started) * KEPT_PER_MS, KEPT_MS_MOST),
      });
    },
    () => kept.get(ctx.gj.schema) === entry && kept.delete(ctx.gj.schema),
  );
  return entry;
}
