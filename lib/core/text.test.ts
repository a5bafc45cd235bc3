import { expect, it } from 'vitest';
import { instantMs, isStoredTime } from './text';

it('knows times of every year that is stored', () => {
  expect(new Date(instantMs('2026-11-30T01:02:03.456789Z')).toISOString()).toBe(
    '2026-11-30T01:02:03.456Z',
  );
  expect(new Date(instantMs('29999-12-31T23:59:59.999999Z')).getUTCFullYear()).toBe(29_999);
  for (const time of [
    '2026-11-30T01:02:03.456789Z',
    '29999-12-31T23:59:59.000000Z',
    '275759-01-01T00:00:00.000000Z',
  ])
    expect(isStoredTime(time), time).toBe(true);
  for (const text of [
    '29999-02-30T00:00:00.000000Z',
    '999999-01-01T00:00:00.000000Z',
    '29999-12-31',
    'infinity',
    '9x',
  ])
    expect(isStoredTime(text), text).toBe(false);
});
