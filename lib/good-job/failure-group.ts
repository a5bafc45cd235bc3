import type { Tx } from '../db/types';
import { type Concealing, FailureReader } from './failure-key';
import {
  type FailurePlace,
  type FailureRow,
  type FailureWindow,
  discardedFailures,
  retriedFailures,
} from './failure-rows';
import type { GoodJob } from './tables';

const CHUNK = 5_000;
/** More failures are not looked at for one group. */
export const GROUP_LOOKED_AT = 200_000;

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
  const take = (rows: FailureRow[]) => {
    for (const row of rows) if (reader.read(row).fingerprint === fingerprint) ids.push(row.id);
  };
  take(await retriedFailures(tx, gj, window));
  let from: FailurePlace | null = null;
  for (let looked = 0; looked < GROUP_LOOKED_AT; looked += CHUNK) {
    const rows: FailureRow[] = await discardedFailures(tx, gj, window, from, CHUNK);
    take(rows);
    from = rows.at(-1) ?? null;
    if (rows.length < CHUNK) break;
  }
  return ids;
}
