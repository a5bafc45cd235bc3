import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { cutOffInput, nameText, textUpTo, timestampText, uuidText } from './server-action';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('input');
});
afterAll(() => testConsole.close());
const isAcceptedByPostgres = (text: string, type: string) =>
  testConsole.client.query(`SELECT $1::${type}`, [text]).then(
    () => true,
    () => false,
  );

const INVALID_TIMESTAMPS = [
  ...['2026-99-99T99:99:99.999999Z', '0000-01-01T00:00:00.000000Z', '2026-02-30T00:00:00.000000Z'],
  ...['2026-01-01T24:00:01.000000Z', '2026-01-01T23:60:00.000000Z', '2026-13-01T00:00:00.000000Z'],
  ...['2026-00-10T00:00:00.000000Z', '2025-02-29T00:00:00.000000Z', '2026-01-01T25:00:00.000000Z'],
];
const VALID_TIMESTAMPS = ['2026-01-31T23:59:59.999999Z', '2024-02-29T00:00:00.000000Z'];

describe('input schemas of Server Actions', () => {
  it.each(INVALID_TIMESTAMPS)('rejects the timestamp %s, which Postgres cannot parse', (at) => {
    expect(timestampText.safeParse(at).success).toBe(false);
    expect(cutOffInput.safeParse({ at, txid: '1' }).success).toBe(false);
  });
  it('accepts only timestamps and transaction ids that Postgres accepts', async () => {
    for (const at of VALID_TIMESTAMPS) {
      expect(cutOffInput.safeParse({ at, txid: '1' }).success, at).toBe(true);
      expect(await isAcceptedByPostgres(at, 'timestamptz'), at).toBe(true);
    }
    for (const [at, txid] of [
      [`${VALID_TIMESTAMPS[0]} `, '1'],
      [VALID_TIMESTAMPS[0], '1'.repeat(19)],
      [VALID_TIMESTAMPS[0], '-1'],
    ])
      expect(cutOffInput.safeParse({ at, txid }).success).toBe(false);
    expect(await isAcceptedByPostgres('9'.repeat(18), 'bigint')).toBe(true);
  });
  it('rejects names and texts with NUL, which Postgres cannot store', async () => {
    for (const text of ['\0', 'mail\0ers', 'mailers\0']) {
      expect(await isAcceptedByPostgres(text, 'text')).toBe(false);
      for (const schema of [nameText, textUpTo(8_000), uuidText, timestampText])
        expect(schema.safeParse(text).success).toBe(false);
    }
    for (const text of ['mailers', '請求', '\u0001', 'a'.repeat(10_000)]) {
      expect(await isAcceptedByPostgres(text, 'text')).toBe(true);
      expect(nameText.safeParse(text).success).toBe(true);
    }
    expect(nameText.safeParse('a'.repeat(10_001)).success).toBe(false);
  });
  it('modules with Server Actions use no other string schema', () => {
    const lib = path.join(__dirname, '..');
    const actions = readdirSync(lib, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({ name, text: readFileSync(path.join(lib, name), 'utf8') }))
      .filter(({ text }) => text.startsWith("'use server'"));
    const offenders = actions
      .filter(({ text }) => /z\s*\.string\(/.test(text))
      .map(({ name }) => name);
    expect(actions.length).toBeGreaterThanOrEqual(5);
    expect(offenders).toEqual([]);
  });
});
