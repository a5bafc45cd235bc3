import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { TestConsole } from '../../test/harness/test-console';
import { nullOnTimeout } from './database';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('null on timeout');
});
afterAll(() => testConsole.close());

const timeoutRow = z.strictObject({ statement_timeout: z.string() });
const oneRow = z.strictObject({ one: z.number() });

it('returns null on a timeout and restores the timeout of the transaction', () =>
  testConsole.db.read(async (tx) => {
    const timeout = () => tx.query(timeoutRow, sql`SHOW statement_timeout`);
    const before = await timeout();
    expect(await nullOnTimeout(tx, 50, () => tx.execute(sql`SELECT pg_sleep(60)`))).toBeNull();
    expect(await nullOnTimeout(tx, 5_000, () => tx.query(oneRow, sql`SELECT 1 AS one`))).toEqual([
      { one: 1 },
    ]);
    expect(await timeout()).toEqual(before);
  }));

it('throws all other errors of the statement', async () => {
  await expect(
    testConsole.db.read((tx) => nullOnTimeout(tx, 5_000, () => tx.execute(sql`SELECT 1 / 0`))),
  ).rejects.toMatchObject({ code: 'unexpected' });
});
