import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { HIDDEN } from '../redaction/redaction';
import { getBatch, getBatchRow, getRawBatch, listBatches } from './queries';
import { parseBatchFilter } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('large_batches');
});
afterAll(() => testConsole.close());

const SECRET = 'zq7kxw9vjt3m';
const listed = async (id: string) =>
  (await listBatches(testConsole.ctx(), parseBatchFilter(new URLSearchParams()))).rows.find(
    (row) => row.id === id,
  );
const insert = (columns: Record<string, unknown>) => insertBatch(testConsole.client, columns);
const properties = (value: object) => JSON.stringify(value);

test('a description that repeats a secret from behind the limit of the properties is hidden whole', async () => {
  const id = await insert({
    description: `Import for ${SECRET}`,
    on_finish: `Notify ${SECRET}`,
    on_success: 'Imports::DoneJob',
    serialized_properties: properties({ note: 'x'.repeat(70_000), password: SECRET }),
  });
  for (const row of [await listed(id), await getBatchRow(testConsole.ctx(), id)])
    expect(row).toMatchObject({
      description: HIDDEN,
      onFinish: HIDDEN,
      onSuccess: 'Imports::DoneJob',
      tooLarge: true,
    });
  expect(JSON.stringify(await getBatch(testConsole.ctx(), id))).not.toContain(SECRET);
});

test('a description beyond 64 kB is hidden whole: its end may name a secret of its beginning', async () => {
  const description = `Import ${SECRET} ${'word '.repeat(20_000)} password=${SECRET}`;
  const id = await insert({ description });
  expect(await listed(id)).toMatchObject({ description: HIDDEN, tooLarge: true });
  const batch = await getBatch(testConsole.ctx(), id);
  expect(batch?.attributes.json).toBeNull();
  expect(JSON.stringify(batch)).not.toContain(SECRET);
  const all = await getRawBatch(testConsole.ctx(), id);
  expect(all?.json).toContain('password=[REDACTED]');
  expect(all?.json).not.toContain(SECRET);
});

test('a description of 64 kB is read whole, and its secret is hidden in its beginning', async () => {
  const id = await insert({
    description: `Import ${SECRET} ${'word '.repeat(12_000)} password=${SECRET}`,
  });
  const row = await listed(id);
  expect(row?.tooLarge).toBe(false);
  expect(row?.description).toMatch(/^Import \[REDACTED\] word/);
});

test('attributes are printed up to 64 kB at first, and up to 2 MB when all are asked for', async () => {
  const json = (length: number) => properties({ note: 'é'.repeat(length / 2 - 10) });
  const [small, medium, large] = [
    await insert({ serialized_properties: json(64 * 1024) }),
    await insert({ serialized_properties: json(2 * 1024 * 1024) }),
    await insert({ serialized_properties: json(2 * 1024 * 1024 + 100) }),
  ];
  const first = async (id: string) => (await getBatch(testConsole.ctx(), id))?.attributes;
  const all = (id: string) => getRawBatch(testConsole.ctx(), id);
  expect((await first(small))?.json).toContain('éé');
  expect((await first(medium))?.json).toBeNull();
  expect((await all(medium))?.json).toContain('éé');
  expect(await all(large)).toMatchObject({ json: null });
  expect((await all(large))?.bytes).toBeGreaterThan(1_000);
});

test('properties that are stored small and are 40 MB large are not read', async () => {
  const id = await insert({ description: 'Import', serialized_properties: '{}' });
  await testConsole.client.query(
    `UPDATE good_job_batches
        SET serialized_properties = jsonb_build_object('password', repeat('a', 40000000))
      WHERE id = $1`,
    [id],
  );
  const before = process.memoryUsage().rss;
  expect(await listed(id)).toMatchObject({ description: HIDDEN, tooLarge: true });
  expect((await getRawBatch(testConsole.ctx(), id))?.json).toBeNull();
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});
