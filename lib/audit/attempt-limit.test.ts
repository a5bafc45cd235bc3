import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { captureOutput } from '../../test/harness/gateway';
import { TestConsole } from '../../test/harness/test-console';
import { requireBulk, startBulk } from '../bulk/mutations';
import { recordFailure } from '../context/audited-transaction';
import { ConsoleError } from '../core/errors';
import { flushAttempts } from './recorder';

/* Repeated attempts must not fill the audit table or the log. */
let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('attempt limit');
});
afterAll(() => testConsole.close());
beforeEach(async () => {
  await flushAttempts();
  await testConsole.client.query('DELETE FROM good_job_console.audit_events');
});

let viewerCount = 0;
/** Returns the context of a viewer who has made no attempts yet. */
const newViewer = (options: Parameters<TestConsole['ctx']>[0] = {}) => {
  const ctx = testConsole.ctx({ role: 'viewer', ...options });
  viewerCount += 1;
  return Object.assign(ctx, { viewer: { ...ctx.viewer, id: `person-${viewerCount}` } });
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
      `SELECT viewer, error, outcome, pg_column_size(e.*)::int AS bytes,
              (details ->> 'attempts')::int AS attempts, details
         FROM good_job_console.audit_events e
        ORDER BY id`,
    )
  ).rows;
const countAttempts = (rows: { attempts: number | null }[]) =>
  rows.reduce((sum, { attempts }) => sum + (attempts ?? 1), 0);
const ignoreError = (fn: () => Promise<unknown>) => fn().catch(() => undefined);

describe('recordFailure', () => {
  it.each([
    ['previews without permission', 'forbidden', 'state=discarded'],
    ['previews of a long filter', 'forbidden', `q=${'a'.repeat(7_900)}`],
  ])('writes ten records and a summary for 1000 %s', async (_, error, query) => {
    const ctx = newViewer();
    for (let n = 0; n < 1_000; n += 1)
      await ignoreError(() => requireBulk(ctx, 'retry', filter(query)));
    expect(await records()).toHaveLength(10);
    await flushAttempts();
    const rows = await records();
    expect(rows).toHaveLength(11);
    expect(countAttempts(rows)).toBe(1_000);
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
    'writes ten records and a summary for 100 attempts that failed with %s',
    async (_, error, code) => {
      const ctx = newViewer({ role: 'admin' });
      for (let n = 0; n < 100; n += 1)
        await recordFailure(ctx, 'job.retry', { targetIds: [crypto.randomUUID()] }, error);
      await flushAttempts();
      const rows = await records();
      expect(rows).toHaveLength(11);
      expect(countAttempts(rows)).toBe(100);
      expect(new Set(rows.map((row) => row.error))).toEqual(new Set([code]));
    },
  );
  it('limits the number and size of records of bulk runs with an invalid filter', async () => {
    const ctx = newViewer({ role: 'admin' });
    const request = {
      action: 'retry' as const,
      target: filter(`class=${'あ'.repeat(7_000)}`),
      scheduledAt: null,
      cutOff: { at: '2026-01-01T00:00:00.000000Z', txid: '1' },
      expected: { kind: 'exact' as const, count: 1 },
      confirmedCount: null,
    };
    for (let n = 0; n < 100; n += 1) await ignoreError(() => startBulk(ctx, request));
    await flushAttempts();
    const rows = await records();
    expect(rows).toHaveLength(11);
    expect(countAttempts(rows)).toBe(100);
    for (const { bytes } of rows) expect(bytes).toBeLessThan(8_000);
    expect(rows[0]?.details.filter).toMatch(/^class=あ+…$/);
  });
  it('counts concurrent attempts like sequential ones', async () => {
    const ctx = newViewer();
    await Promise.all(
      Array.from({ length: 300 }, () => ignoreError(() => requireBulk(ctx, 'destroy', filter('')))),
    );
    await flushAttempts();
    const rows = await records();
    expect(rows).toHaveLength(11);
    expect(countAttempts(rows)).toBe(300);
  });
  it('counts attempts separately for each viewer and action', async () => {
    const repeating = newViewer();
    const other = newViewer();
    for (let n = 0; n < 50; n += 1)
      await ignoreError(() => requireBulk(repeating, 'retry', filter('')));
    await ignoreError(() => requireBulk(other, 'retry', filter('')));
    await ignoreError(() => requireBulk(repeating, 'destroy', filter('')));
    expect((await records()).slice(10)).toMatchObject([
      { viewer: other.viewer.id, attempts: null },
      { viewer: repeating.viewer.id, attempts: null },
    ]);
  });
  it('limits the log lines of repeated attempts without the console’s own schema', async () => {
    const ctx = Object.assign(newViewer(), { recordsAttempts: false });
    const { audits } = await captureOutput(async () => {
      for (let n = 0; n < 500; n += 1)
        await ignoreError(() => requireBulk(ctx, 'retry', filter('')));
      await flushAttempts();
    });
    expect(audits).toHaveLength(11);
    expect(audits.at(-1)).toMatchObject({ outcome: 'refused', details: { attempts: 490 } });
  });
});

describe('boundAttempt', () => {
  it('records at most 25 target ids and truncates long names and details', async () => {
    const targetIds = Array.from({ length: 500 }, () => crypto.randomUUID());
    await recordFailure(
      newViewer(),
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
      `SELECT cardinality(target_ids) AS ids, length(target_name) AS name, details
         FROM good_job_console.audit_events`,
    );
    expect(rows).toEqual([{ ids: 25, name: 501, details: { too_large: true } }]);
  });
  it('redacts the record of an attempt before truncating it', async () => {
    await recordFailure(
      newViewer(),
      'job.retry',
      { details: { filter: `${'x '.repeat(990)}password=Tr0ub4dor-and-3` } },
      new ConsoleError('forbidden'),
    );
    expect(JSON.stringify(await records())).not.toContain('Tr0u');
  });
});
