import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { cutOffInput, nameText, textUpTo, timestampText, uuidText } from './search-params';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('input');
});
afterAll(() => testConsole.close());
/** Whether Postgres takes the text for a value of the type. */
const isTaken = (text: string, type: string) =>
  testConsole.client.query(`SELECT $1::${type}`, [text]).then(
    () => true,
    () => false,
  );

const MOMENTS = [
  ...['2026-99-99T99:99:99.999999Z', '0000-01-01T00:00:00.000000Z', '2026-02-30T00:00:00.000000Z'],
  ...['2026-01-01T24:00:01.000000Z', '2026-01-01T23:60:00.000000Z', '2026-13-01T00:00:00.000000Z'],
  ...['2026-00-10T00:00:00.000000Z', '2025-02-29T00:00:00.000000Z', '2026-01-01T25:00:00.000000Z'],
];
const GOOD = ['2026-01-31T23:59:59.999999Z', '2024-02-29T00:00:00.000000Z'];

describe('what a Server Action is given', () => {
  it.each(MOMENTS)('has no moment %s, which Postgres does not take', (at) => {
    expect(timestampText.safeParse(at).success).toBe(false);
    expect(cutOffInput.safeParse({ at, txid: '1' }).success).toBe(false);
  });
  it('has the moments that Postgres takes', async () => {
    for (const at of GOOD) {
      expect(cutOffInput.safeParse({ at, txid: '1' }).success, at).toBe(true);
      expect(await isTaken(at, 'timestamptz'), at).toBe(true);
    }
    for (const [at, txid] of [
      [`${GOOD[0]} `, '1'],
      [GOOD[0], '1'.repeat(19)],
      [GOOD[0], '-1'],
    ])
      expect(cutOffInput.safeParse({ at, txid }).success).toBe(false);
    expect(await isTaken('9'.repeat(18), 'bigint')).toBe(true);
  });
  it('has no name and no text with NUL, which no text of Postgres has', async () => {
    for (const text of ['\0', 'mail\0ers', 'mailers\0']) {
      expect(await isTaken(text, 'text')).toBe(false);
      for (const schema of [nameText, textUpTo(8_000), uuidText, timestampText])
        expect(schema.safeParse(text).success).toBe(false);
    }
    for (const text of ['mailers', '請求', '\u0001', 'a'.repeat(10_000)]) {
      expect(await isTaken(text, 'text')).toBe(true);
      expect(nameText.safeParse(text).success).toBe(true);
    }
    expect(nameText.safeParse('a'.repeat(10_001)).success).toBe(false);
  });
  it('is read by these schemas in every action', () => {
    const lib = path.join(__dirname, '..');
    const actions = readdirSync(lib, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({ name, text: readFileSync(path.join(lib, name), 'utf8') }))
      .filter(({ text }) => text.startsWith("'use server'"));
    const own = actions.filter(({ text }) => /z\s*\.string\(/.test(text)).map(({ name }) => name);
    expect(actions.length).toBeGreaterThanOrEqual(5);
    expect(own).toEqual([]);
  });
});
