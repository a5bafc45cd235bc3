import sql, { type Sql } from 'sql-template-tag';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { isLargeJson, isLargeText, limitedJson, limitedText } from './text-limit';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('text_limit');
  await testConsole.client.query('CREATE TEMP TABLE documents (name text, json jsonb, body text)');
});
afterAll(() => testConsole.close());

async function store(name: string, json: string | null, body: string | null = null) {
  const { client } = testConsole;
  await client.query('INSERT INTO documents VALUES ($1, $2, $3)', [name, json, body]);
}

async function select<T>(name: string, expression: Sql): Promise<T> {
  const query = sql`SELECT ${expression} AS value FROM documents d WHERE d.name = ${name}`;
  const { rows } = await testConsole.client.query<{ value: T }>({
    text: query.text,
    values: query.values,
  });
  return rows[0]?.value as T;
}

const json = sql`d.json`;

it('reads a JSON value of exactly the limit and not one byte more', async () => {
  await store('limit', JSON.stringify('é'.repeat(31)));
  expect(await select('limit', limitedJson(json, 64))).toBe(JSON.stringify('é'.repeat(31)));
  expect(await select('limit', limitedJson(json, 63))).toBeNull();
});

it('finds a value large that is stored small', async () => {
  await store('compressed', JSON.stringify('a'.repeat(1_000_000)));
  expect(await select<number>('compressed', sql`pg_column_size(d.json)`)).toBeLessThan(65_536);
  expect(await select('compressed', isLargeJson(json))).toBe(true);
  expect(await select('compressed', limitedJson(json))).toBeNull();
});

it('does not take a value for large because its numbers are wider in memory than in text', async () => {
  const digits = JSON.stringify(new Array(21_000).fill(1));
  await store('digits', digits);
  expect(await select('digits', isLargeJson(json))).toBe(false);
  await store('empty strings', JSON.stringify(new Array(16_000).fill('')));
  expect(await select('empty strings', isLargeJson(json))).toBe(false);
});

it('tells NULL and JSON null from large values', async () => {
  await store('null', null);
  await store('json null', 'null');
  expect(await select('null', isLargeJson(json))).toBe(false);
  expect(await select('null', limitedJson(json))).toBeNull();
  expect(await select('json null', limitedJson(json))).toBe('null');
});

it('cuts a text at a character and says that it was large', async () => {
  await store('text', null, 'あ'.repeat(100));
  const body = sql`d.body`;
  expect(await select('text', limitedText(body, 10))).toBe('あ'.repeat(10));
  expect(await select('text', isLargeText(body, 299))).toBe(true);
  expect(await select('text', isLargeText(body, 300))).toBe(false);
  expect(await select('null', isLargeText(body))).toBe(false);
});
