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

it('returns a JSON value up to the limit and NULL for one byte more', async () => {
  await store('limit', JSON.stringify('é'.repeat(31)));
  expect(await select('limit', limitedJson(json, 64))).toBe(JSON.stringify('é'.repeat(31)));
  expect(await select('limit', limitedJson(json, 63))).toBeNull();
});

it('detects a large value whose stored size is small', async () => {
  await store('compressed', JSON.stringify('a'.repeat(1_000_000)));
  expect(await select<number>('compressed', sql`pg_column_size(d.json)`)).toBeLessThan(65_536);
  expect(await select('compressed', isLargeJson(json))).toBe(true);
  expect(await select('compressed', limitedJson(json))).toBeNull();
});

it('does not classify a value as large because its jsonb is larger than its text', async () => {
  const digits = JSON.stringify(new Array(21_000).fill(1));
  await store('digits', digits);
  expect(await select('digits', isLargeJson(json))).toBe(false);
  await store('empty strings', JSON.stringify(new Array(16_000).fill('')));
  expect(await select('empty strings', isLargeJson(json))).toBe(false);
});

it('distinguishes NULL and JSON null from large values', async () => {
  await store('null', null);
  await store('json null', 'null');
  expect(await select('null', isLargeJson(json))).toBe(false);
  expect(await select('null', limitedJson(json))).toBeNull();
  expect(await select('json null', limitedJson(json))).toBe('null');
});

it('truncates a large text between two characters and detects that it is large', async () => {
  await store('text', null, 'あ'.repeat(100));
  const body = sql`d.body`;
  expect(await select('text', limitedText(body, 10))).toBe('あ'.repeat(10));
  expect(await select('text', isLargeText(body, 299))).toBe(true);
  expect(await select('text', isLargeText(body, 300))).toBe(false);
  expect(await select('null', isLargeText(body))).toBe(false);
});

it.each([
  ['huge numbers', '1e131071', 9_000],
  ['600 huge numbers', '-1e131071', 600],
  ['tiny numbers', '1e-16383', 9_000],
  ['600 tiny numbers', '-1e-16383', 600],
  ['zeros with many decimals', '0e-16383', 600],
  ['ones with many decimals', `1.${'0'.repeat(16_000)}`, 600],
  ['huge doubles', '1e300', 9_000],
])('classifies a value with %s as large without printing it', async (name, number, count) => {
  await store(name, `[${new Array(count).fill(number).join(',')}]`);
  expect(await select(name, isLargeJson(json))).toBe(true);
  expect(await select(name, limitedJson(json))).toBeNull();
  expect(await select(name, limitedJson(json, 64 * 1024, sql`''`))).toBe('');
});

it('detects a long number at any depth and position', async () => {
  const deep = (levels: number, inner: string) =>
    `${'['.repeat(levels)}${inner}${']'.repeat(levels)}`;
  for (const [name, text] of [
    ['root', '1e131071'],
    ['in an object', '{"a": {"b": 0e-16383}}'],
    ['5,000 levels', deep(5_000, '1e131071')],
    ['12,000 levels', deep(12_000, '1')],
  ] as const) {
    await store(name, text);
    expect(await select(name, isLargeJson(json)), name).toBe(true);
  }
  await store('5,000 levels without', deep(5_000, '1'));
  expect(await select('5,000 levels without', isLargeJson(json))).toBe(false);
});

it('does not classify ordinary doubles and integers as large', async () => {
  const numbers =
    '[1.7976931348623157e+308, 5e-324, -0.5, 0, 12345678901234567890.123456789, 1e400]';
  await store('doubles', numbers);
  expect(await select('doubles', isLargeJson(json))).toBe(false);
});
