import { yieldToEventLoop } from '../core/text-budget';
import type { Tx } from '../db/types';
import { type Concealing, FailureReader } from './failure-key';
import {
  type FailurePlace,
  type FailureRow,
  type FailureWindow,
  type RetriedFailure,
  afterRetried,
  discardedFailures,
  retriedFailures,
} from './failure-rows';
import type { GoodJob } from './tables';

const CHUNK = 1_000;
/** More failures are not looked at for one group. */
export const GROUP_LOOKED_AT = 200_000;
/** How long the rows of a chunk may hold the event loop. */
const TURN_MS = 10;

/** The jobs of one group in a window: all of them, however long it takes the database (each statement has its timeout). */
export async function failureGroup(
  tx: Tx,
  gj: GoodJob,
  fingerprint: string,
  window: FailureWindow,
  concealing: Concealing,
): Promise<string[]> {
  const reader = new FailureReader(concealing);
  const ids: string[] = [];
  let turnStartedAt = performance.now();
  const take = async (rows: FailureRow[]) => {
    for (const row of rows) {
      if (reader.read(row).fingerprint === fingerprint) ids.push(row.id);
      if (performance.now() - turnStartedAt < TURN_MS) continue;
      await yieldToEventLoop();
      turnStartedAt = performance.now();
    }
  };
  let place: FailurePlace | null = null;
  do {
    const rows: RetriedFailure[] = await retriedFailures(tx, gj, window, place);
    await take(rows.filter(({ isInWindow }) => isInWindow));
    place = afterRetried(rows);
  } while (place);
  for (let looked = 0; looked < GROUP_LOOKED_AT; looked += CHUNK) {
    const rows: FailureRow[] = await discardedFailures(tx, gj, window, place, CHUNK);
    await take(rows);
    place = rows.at(-1) ?? null;
    if (rows.length < CHUNK) break;
  }
  return ids;
}
