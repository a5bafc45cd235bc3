import 'server-only';
import { ProcessCache, costTtl } from '../core/process-cache';
import type { Ctx } from '../ctx';
import { env } from '../env';
import { findAttention } from './find';
import { GRACE } from './look';
import type { Attention } from './types';

/** All viewers of this server share one search, and an expensive one runs less often. */
const TTL_MS = 10_000;
const TTL_PER_QUERY_MS = 10;
const MAX_TTL_MS = 30_000;
/** A reader waits no longer for a new search while there is a result that is not older than a minute. */
const WAIT_MS = 250;
const STALE_MS = 60_000;

const cache = new ProcessCache<Attention>('attention', {
  ttlMs: costTtl(TTL_MS, TTL_PER_QUERY_MS, MAX_TTL_MS),
  maxEntries: 20,
  expiresOnWrite: true,
});

/** What needs attention, as of a few seconds ago and not before the viewer's last change; while a search takes its time, the result of the one before. */
export function getAttention(ctx: Ctx): Promise<Attention> {
  return cache.get(ctx.gj.schema.identity, keyOf(ctx), () => search(ctx), {
    staleMs: STALE_MS,
    waitMs: WAIT_MS,
    maxAgeMs: ctx.maxAgeMs,
  });
}

/** Readers who only count findings let a result get this much older, so that a page view rarely pays for a search. */
const COUNT_IDLE_MS = 20_000;

/** The last result, without waiting; null: there is none, or an older one than `staleMs`. Searches behind the answer when it is older than half a minute. */
export async function lastAttention(ctx: Ctx, staleMs: number): Promise<Attention | null> {
  const { identity } = ctx.gj.schema;
  const options = { staleMs, idleMs: COUNT_IDLE_MS };
  return (await cache.latest(identity, keyOf(ctx), () => search(ctx), options)) ?? null;
}

/** What the findings depend on besides GoodJob's tables. */
const keyOf = ({ readOnly, consoleSchema, bulkRuns }: Ctx): string =>
  JSON.stringify([readOnly, consoleSchema, bulkRuns]);

function search(ctx: Ctx): Promise<Attention> {
  return findAttention(ctx, { ...GRACE, readyMinutes: env().attentionReadyMinutes });
}
