import { expect, it } from 'vitest';
import { timestampMs } from './text';

it.each([
  ['2026-11-20T10:00:00.000000Z', Date.UTC(2026, 10, 20, 10)],
  ['29999-12-31T23:59:59.500000Z', Date.UTC(29999, 11, 31, 23, 59, 59, 500)],
  ['infinity', Infinity],
  ['-infinity', -Infinity],
  ['4713-01-01 00:00:00 BC', -Infinity],
  ['0044-03-15 12:00:00+00 BC', -Infinity],
  ['294276-12-31T23:59:59.000000Z', Infinity],
])('converts the timestamp %s to %d ms', (text, ms) => expect(timestampMs(text)).toBe(ms));
