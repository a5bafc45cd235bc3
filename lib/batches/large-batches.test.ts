import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { REDACTION_MARKER } from '../redaction/redaction';
import { getBatch, getBatchRow, getRawBatch, listBatches } from './queries';
import { parseBatchFilter } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('large_batches');
});
afterAll(() => testConsole.close());

const SECRET = 'zq7kxw9vjt3m';
const findInList = async (id: string) =>
  (await listBatches(testConsole.ctx(), parseBatchFilter(new URLSearchParams()))).rows.find(
    (row) => row.id === id,
  );
const insert = (columns: Record<string, unknown>) => insertBatch(testConsole.client, columns);
const properties = (value: object) => JSON.stringify(value);

it('redacts a whole description if the properties are too large to be searched for secrets', async () => {
  const id = await insert({
    description: `Import for ${SECRET}`,
    on_finish: `Notify ${SECRET}`,
    on_success: 'Imports::DoneJob',
    serialized_properties: properties({ note: 'x'.repeat(70_000), password: SECRET }),
  });
  for (const row of [await findInList(id), await getBatchRow(testConsole.ctx(), id)])
    expect(row).toMatchObject({
      description: REDACTION_MARKER,
      onFinish: REDACTION_MARKER,
      onSuccess: 'Imports::DoneJob',
      tooLarge: true,
    });
  expect(JSON.stringify(await getBatch(testConsole.ctx(), id))).not.toContain(SECRET);
});

it('redacts a whole description of more than 64 kB, whose end may mark a secret', async () => {
  const description = `Import ${SECRET} ${'word '.repeat(20_000)} password=${SECRET}`;
  const id = await insert({ description });
  expect(await findInList(id)).toMatchObject({ description: REDACTION_MARKER, tooLarge: true });
  const batch = await getBatch(testConsole.ctx(), id);
  expect(batch?.attributes.json).toBeNull();
  expect(JSON.stringify(batch)).not.toContain(SECRET);
  const all = await getRawBatch(testConsole.ctx(), id);
  expect(all?.json).toContain('password=[REDACTED]');
  expect(all?.json).not.toContain(SECRET);
});

it('redacts a secret that only the end of a 64 kB description marks as one', async () => {
  const id = await insert({
    description: `Import ${SECRET} ${'word '.repeat(12_000)} password=${SECRET}`,
  });
  const row = await findInList(id);
  expect(row?.tooLarge).toBe(false);
  expect(row?.description).toMatch(/^Import \[REDACTED\] word/);
});

it('prints attributes up to 64 kB on the page and up to 2 MB on request', async () => {
  const json = (length: number) => properties({ note: 'é'.repeat(length / 2 - 10) });
  const small = await insert({ serialized_properties: json(64 * 1024) });
  const medium = await insert({ serialized_properties: json(2 * 1024 * 1024) });
  const large = await insert({ serialized_properties: json(2 * 1024 * 1024 + 100) });
  const pageAttributes = async (id: string) => (await getBatch(testConsole.ctx(), id))?.attributes;
  const allAttributes = (id: string) => getRawBatch(testConsole.ctx(), id);
  expect((await pageAttributes(small))?.json).toContain('éé');
  expect((await pageAttributes(medium))?.json).toBeNull();
  expect((await allAttributes(medium))?.json).toContain('éé');
  expect(await allAttributes(large)).toMatchObject({ json: null });
  expect((await allAttributes(large))?.bytes).toBeGreaterThan(1_000);
});

it('does not decompress properties of 40 MB that are stored compressed', async () => {
  const id = await insert({ description: 'Import', serialized_properties: '{}' });
  await testConsole.client.query(
    `UPDATE good_job_batches
        SET serialized_properties = jsonb_build_object('password', repeat('a', 40000000))
      WHERE id = $1`,
    [id],
  );
  const before = process.memoryUsage().rss;
  expect(await findInList(id)).toMatchObject({ description: REDACTION_MARKER, tooLarge: true });
  expect((await getRawBatch(testConsole.ctx(), id))?.json).toBeNull();
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});
