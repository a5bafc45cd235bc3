import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { nullOnTimeout } from './text-limit';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('null on timeout');
});
afterAll(() => testConsole.close());

it('returns null for a statement beyond its time, and the transaction goes on with its own timeout', () =>
  testConsole.db.read(async (tx) => {
    const timeout = () => tx.query(sql`SHOW statement_timeout`);
    const before = await timeout();
    expect(await nullOnTimeout(tx, 50, () => tx.query(sql`SELECT pg_sleep(60)`))).toBeNull();
    expect(await nullOnTimeout(tx, 5_000, () => tx.query(sql`SELECT 1 AS one`))).toEqual([
      { one: 1 },
    ]);
    expect(await timeout()).toEqual(before);
  }));

it('throws every other failure of the statement', async () => {
  await expect(
    testConsole.db.read((tx) => nullOnTimeout(tx, 5_000, () => tx.query(sql`SELECT 1 / 0`))),
  ).rejects.toMatchObject({ code: 'unexpected' });
});
