import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { cursorParams } from '../core/urls';
import { listBatches } from './queries';
import { isHiddenSearch, searchWords } from './search';
import { parseBatchFilter } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('batch_search');
});
afterAll(() => testConsole.close());

const insert = (columns: Record<string, unknown>) => insertBatch(testConsole.client, columns);
const search = (params: Record<string, string>, searchBudgetMs?: number) =>
  listBatches(
    testConsole.ctx({ searchBudgetMs }),
    parseBatchFilter(new URLSearchParams({ limit: '100', ...params })),
  );
const matching = async (q: string) => (await search({ q })).rows.map(({ id }) => id);

it.each([
  ['a part of its description, in any case', 'SUPPLIER imp', { description: 'Supplier import 7' }],
  ['Japanese text', '請求書', { description: '月次の請求書を発行' }],
  ['a callback class', 'AfterFinish', { on_finish: 'Billing::AfterFinishJob' }],
  ['a property value', 'acme-4711', { serialized_properties: '{"customer": "ACME-4711"}' }],
  ['a property name', 'warehouse_no', { serialized_properties: '{"warehouse_no": 3}' }],
  ['a nested number', '90210881', { serialized_properties: '{"a": [{"b": 90210881}]}' }],
  ['a quote inside a property', 'say \\"hi\\"', { serialized_properties: '{"a": "say \\"hi\\""}' }],
])('finds a batch by %s', async (_name, word, columns) => {
  const id = await insert(columns);
  expect(await matching(`"${word}"`)).toEqual([id]);
});

it('requires all words, in any text', async () => {
  const id = await insert({ description: 'Zebra', on_success: 'StripeJob' });
  await insert({ description: 'Zebra' });
  expect(await matching('zebra stripejob')).toEqual([id]);
});

it('does not take a wildcard or the syntax of JSON as a match', async () => {
  await insert({ description: 'plain', serialized_properties: '{"k1": "v1"}' });
  for (const q of ['pl%n', 'pl_in', '"k1\\": \\"v1"', '_aj_symbol_keys'])
    expect(await matching(q)).toEqual([]);
});

it('does not find a value that redaction hides, nor its repeats', async () => {
  const secret = 'zq7kxw9vjt3m';
  await insert({
    description: `Import with ${secret}`,
    serialized_properties: JSON.stringify({ password: secret, note: `again ${secret}` }),
  });
  for (let length = 4; length <= secret.length; length += 1)
    expect(await matching(secret.slice(0, length))).toEqual([]);
});

it('rejects a search for a secret before it reads anything', async () => {
  const q = 'password=hunter2hunter2';
  expect(isHiddenSearch(q)).toBe(true);
  expect(await search({ q })).toMatchObject({ rows: [], partial: null });
});

it('counts a batch with a large text as not searched', async () => {
  await insert({
    description: 'huge needle',
    serialized_properties: JSON.stringify({ text: 'x'.repeat(70_000) }),
  });
  const page = await search({ q: 'needle' });
  expect(page.rows).toEqual([]);
  expect(page.unsearched).toBe(1);
});

it('applies the state together with the words', async () => {
  const open = await insert({ description: 'quokka' });
  await insert({ description: 'quokka', finished_at: '2026-11-20T10:00:00Z' });
  expect((await search({ q: 'quokka', state: 'running' })).rows.map(({ id }) => id)).toEqual([
    open,
  ]);
});

it('continues an incomplete search on the next page until every batch was searched', async () => {
  const other = await TestConsole.open('batch_search_pages');
  await other.client.query(
    `INSERT INTO good_job_batches (id, created_at, updated_at, description)
     SELECT gen_random_uuid(), at, at, CASE WHEN n IN (7, 900, 24000) THEN 'gem' ELSE 'rock' END
       FROM (SELECT n, now() - n * interval '1 second' AS at FROM generate_series(1, 24000) n) s`,
  );
  const list = (params: Record<string, string>) =>
    listBatches(
      other.ctx({ searchBudgetMs: 60_000 }),
      parseBatchFilter(new URLSearchParams({ q: 'gem', ...params })),
    );
  let page = await list({});
  expect(page.partial).toMatchObject({ scanned: 10_000 });
  let rows = page.rows.length;
  let pages = 1;
  while (page.partial && page.next) {
    page = await list(cursorParams(page.next));
    rows += page.rows.length;
    pages += 1;
  }
  expect([rows, pages]).toEqual([3, 3]);
  await other.close();
});

it('searches at least one window when the time budget is spent', async () => {
  const id = await insert({ description: `narwhal ${randomUUID()}` });
  expect((await search({ q: 'narwhal' }, 0)).rows.map((row) => row.id)).toEqual([id]);
});

it('ignores blank words, and words after the eighth', () => {
  expect(searchWords('  a "b c"  ""  ')).toEqual(['a', 'b c']);
  expect(searchWords('1 2 3 4 5 6 7 8 9')).toHaveLength(8);
});
