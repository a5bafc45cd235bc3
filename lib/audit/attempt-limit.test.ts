import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { printed } from '../../test/harness/gateway';
import { TestConsole } from '../../test/harness/test-console';
import { requireBulk, startBulk } from '../bulk/start';
import { recordFailure } from '../context/audited-transaction';
import { ConsoleError } from '../core/errors';
import { flushAttempts } from './attempts';

/* What a viewer may not do, tried again and again, fills neither the table of records nor the log. */
let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('attempt limit');
});
afterAll(() => testConsole.close());
beforeEach(async () => {
  await flushAttempts();
  await testConsole.client.query('DELETE FROM good_job_console.audit_events');
});

let people = 0;
/** A viewer of whom nothing has been counted yet. */
const somebody = (options: Parameters<TestConsole['ctx']>[0] = {}) => {
  const ctx = testConsole.ctx({ role: 'viewer', ...options });
  return Object.assign(ctx, { viewer: { ...ctx.viewer, id: `person-${(people += 1)}` } });
};
const filter = (query: string) => ({ kind: 'filter' as const, query, batchId: null });
const records = async () =>
  (
    await testConsole.client.query<{
      viewer: string;
      error: string;
      outcome: string;
      bytes: number;
      attempts: number | null;
      details: Record<string, unknown>;
    }>(
      `SELECT viewer, error, outcome, pg_column_size(e.*)::int AS bytes, (details ->> 'attempts')::int AS attempts, details FROM good_job_console.audit_events e ORDER BY id`,
    )
  ).rows;
const numberOf = (rows: { attempts: number | null }[]) =>
  rows.reduce((sum, { attempts }) => sum + (attempts ?? 1), 0);
const tried = (fn: () => Promise<unknown>) => fn().catch(() => undefined);

describe('a thousand attempts that changed nothing', () => {
  it.each([
    ['previews without permission', 'forbidden', 'state=discarded'],
    ['previews of a long filter', 'forbidden', `q=${'a'.repeat(7_900)}`],
  ])('%s are eleven records, which say how many there were', async (_, error, query) => {
    const ctx = somebody();
    for (let n = 0; n < 1_000; n += 1) await tried(() => requireBulk(ctx, 'retry', filter(query)));
    expect(await records()).toHaveLength(10);
    await flushAttempts();
    const rows = await records();
    expect(rows).toHaveLength(11);
    expect(numberOf(rows)).toBe(1_000);
    expect(new Set(rows.map((row) => `${row.viewer} ${row.error} ${row.outcome}`))).toEqual(
      new Set([`${ctx.viewer.id} ${error} refused`]),
    );
    expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(40_000);
  });
  it.each([
    ['a bug', new Error('a bug'), 'unexpected'],
    ['a query that takes too long', new ConsoleError('query_timeout'), 'query_timeout'],
    ['a lock', new ConsoleError('locked'), null],
  ])(
    'that %s ended are eleven records as well, which say how many there were',
    async (_, error, code) => {
      const ctx = somebody({ role: 'admin' });
      for (let n = 0; n < 100; n += 1)
        await recordFailure(ctx, 'job.retry', { targetIds: [crypto.randomUUID()] }, error);
      await flushAttempts();
      const rows = await records();
      expect(rows).toHaveLength(11);
      expect(numberOf(rows)).toBe(100);
      expect(new Set(rows.map((row) => row.error))).toEqual(new Set([code]));
    },
  );
  it('starts with a filter that is none are bounded as well, and so is what is on record of them', async () => {
    const ctx = somebody({ role: 'admin' });
    const request = {
      action: 'retry' as const,
      target: filter(`class=${'あ'.repeat(7_000)}`),
      scheduledAt: null,
      cutOff: { at: '2026-01-01T00:00:00.000000Z', txid: '1' },
      expected: { kind: 'exact' as const, count: 1 },
      confirmedCount: null,
    };
    for (let n = 0; n < 100; n += 1) await tried(() => startBulk(ctx, request));
    await flushAttempts();
    const rows = await records();
    expect(rows).toHaveLength(11);
    expect(numberOf(rows)).toBe(100);
    for (const { bytes } of rows) expect(bytes).toBeLessThan(8_000);
    expect(rows[0]?.details.filter).toMatch(/^class=あ+…$/);
  });
  it('at the same time are counted as they are one after the other', async () => {
    const ctx = somebody();
    await Promise.all(
      Array.from({ length: 300 }, () => tried(() => requireBulk(ctx, 'destroy', filter('')))),
    );
    await flushAttempts();
    const rows = await records();
    expect(rows).toHaveLength(11);
    expect(numberOf(rows)).toBe(300);
  });
  it('of one viewer hide nothing of another’s, nor another refusal of their own', async () => {
    const [loud, other] = [somebody(), somebody()];
    for (let n = 0; n < 50; n += 1) await tried(() => requireBulk(loud, 'retry', filter('')));
    await tried(() => requireBulk(other, 'retry', filter('')));
    await tried(() => requireBulk(loud, 'destroy', filter('')));
    expect((await records()).slice(10)).toMatchObject([
      { viewer: other.viewer.id, attempts: null },
      { viewer: loud.viewer.id, attempts: null },
    ]);
  });
  it('without the console’s own schema are as few lines of the log', async () => {
    const ctx = Object.assign(somebody(), { recordsAttempts: false });
    const { audits } = await printed(async () => {
      for (let n = 0; n < 500; n += 1) await tried(() => requireBulk(ctx, 'retry', filter('')));
      await flushAttempts();
    });
    expect(audits).toHaveLength(11);
    expect(audits.at(-1)).toMatchObject({ outcome: 'refused', details: { attempts: 490 } });
  });
});

describe('the record of an attempt', () => {
  it('names 25 targets at most, and their number', async () => {
    const targetIds = Array.from({ length: 500 }, () => crypto.randomUUID());
    await recordFailure(
      somebody(),
      'job.discard',
      {
        targetType: 'job',
        targetIds,
        targetName: 'n'.repeat(100_000),
        details: { deep: ['x'.repeat(50_000)] },
      },
      new ConsoleError('forbidden'),
    );
    const [row] = await records();
    expect(row?.bytes).toBeLessThan(8_000);
    const { rows } = await testConsole.client.query(
      'SELECT cardinality(target_ids) AS ids, length(target_name) AS name, details FROM good_job_console.audit_events',
    );
    expect(rows).toEqual([{ ids: 25, name: 501, details: { too_large: true } }]);
  });
  it('hides what is hidden before it cuts', async () => {
    await recordFailure(
      somebody(),
      'job.retry',
      { details: { filter: `${'x '.repeat(990)}password=Tr0ub4dor-and-3` } },
      new ConsoleError('forbidden'),
    );
    expect(JSON.stringify(await records())).not.toContain('Tr0u');
  });
});
