import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { isUnchangedSince } from './locks';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('cut-off');
});
afterAll(() => testConsole.close());

/**
 * Whether a row written `distance` transactions before (negative: after) the snapshot is unchanged.
 */
async function isUnchanged(distance: bigint): Promise<boolean> {
  const {
    rows: [now],
  } = await testConsole.client.query<{ txid: string }>('SELECT txid_current() AS txid');
  const txid = BigInt(now?.txid ?? 0);
  // xmin has 32 bits.
  const xmin = (((txid - distance) % 4_294_967_296n) + 4_294_967_296n) % 4_294_967_296n;
  const {
    rows: [row],
  } = await testConsole.client.query<{ unchanged: boolean }>(
    sql`SELECT ${isUnchangedSince({ at: '', txid: String(txid) })} AS unchanged
          FROM (SELECT ${String(xmin)}::xid AS xmin) j`,
  );
  return row?.unchanged ?? false;
}

it.each([
  [1n, true],
  [50n, true],
  [2_000_000_000n, true],
  [2_147_483_700n, true],
  [3_000_000_000n, true],
  [4_000_000_000n, true],
  [0n, false],
  [-1n, false],
  [-50_000n, false],
])(
  'treats a row from %s transactions before the snapshot as unchanged: %s',
  async (distance, unchanged) => {
    expect(await isUnchanged(distance)).toBe(unchanged);
  },
);
