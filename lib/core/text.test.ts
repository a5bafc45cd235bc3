import { expect, it } from 'vitest';
import { instantMs, isRowTime, isStoredTime } from './text';

it('parses times of every year that Postgres stores', () => {
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
    '00000-01-01T00:00:00.000000Z',
    '009999-01-01T00:00:00.000000Z',
    '29999-12-31',
    'infinity',
    '9x',
  ])
    expect(isStoredTime(text), text).toBe(false);
});

it('accepts only row times that Postgres can parse again', () => {
  for (const time of [
    'infinity',
    '-infinity',
    '4713-01-01 00:00:00 BC',
    '0001-02-29 23:59:59.5+00 BC',
    '294276-12-31T23:59:59.999999Z',
  ])
    expect(isRowTime(time), time).toBe(true);
  for (const text of [
    '4714-01-01 00:00:00 BC',
    '0000-01-01 00:00:00 BC',
    '0002-02-29 00:00:00 BC',
    '0001-13-01 00:00:00 BC',
    '0001-01-01 25:00:00 BC',
    '294277-01-01T00:00:00.000000Z',
    'Infinity ',
  ])
    expect(isRowTime(text), text).toBe(false);
});
