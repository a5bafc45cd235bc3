import { describe, expect, it } from 'vitest';
import { addOffsets, parseQuery } from './parser';
import { type TimeBound, addZoneOffsets } from './terms';

const TOKYO = 'Asia/Tokyo';
const NEW_YORK = 'America/New_York';
/** Clocks change from 00:00 to 01:00 on 2026-04-24 and back from 24:00 to 23:00 on 2026-10-29. */
const CAIRO = 'Africa/Cairo';

const toMinute = (time: string) => new Date(time).toISOString().slice(0, 16);
const bounds = (query: string, zone?: string) => {
  const [term] = parseQuery(query, zone);
  return term?.kind === 'time' || term?.kind === 'execution'
    ? term.bounds.map(
        ({ comparison, time }: TimeBound) =>
          `${comparison} ${'at' in time ? toMinute(time.at) : `${time.secondsAgo} s`}`,
      )
    : term?.kind;
};

describe('a day without an offset', () => {
  it.each([
    ['created:2026-11-30', TOKYO, 'created:2026-11-30+09:00'],
    ['-attempted:2026-11-30', TOKYO, '-attempted:2026-11-30+09:00'],
    ['finished：2026-11-30', TOKYO, 'finished：2026-11-30+09:00'],
    ['created:"2026-11-30"', TOKYO, 'created:2026-11-30+09:00'],
    ['created:2026-11-30', 'UTC', 'created:2026-11-30Z'],
    ['created:2026-11-30', 'Asia/Kathmandu', 'created:2026-11-30+05:45'],
    ['created:>2026-11-30', TOKYO, 'created:>=2026-12-01+09:00'],
    ['created:<=2026-11-30', TOKYO, 'created:<2026-12-01+09:00'],
    ['created:<2026-11-30', TOKYO, 'created:<2026-11-30+09:00'],
    ['created:>=2026-11-30', TOKYO, 'created:>=2026-11-30+09:00'],
    ['created:2026-11-29..2026-11-30', TOKYO, 'created:2026-11-29+09:00..2026-11-30+09:00'],
    ['created:2026-11-29..', TOKYO, 'created:2026-11-29+09:00..'],
    ['created:..2026-11-30', TOKYO, 'created:..2026-11-30+09:00'],
    ['created:2026-11-29..2h', TOKYO, 'created:2026-11-29+09:00..2h'],
    ['created:2026-11-01', NEW_YORK, 'created:2026-11-01-04:00..<2026-11-02-05:00'],
    ['created:2026-10-30..2026-11-01', NEW_YORK, 'created:2026-10-30-04:00..<2026-11-02-05:00'],
    ['created:2026-04-24', CAIRO, 'created:2026-04-24+02:00..<2026-04-25+03:00'],
    ['created:>2026-11-30T10:00', TOKYO, 'created:>2026-11-30T10:00+09:00'],
    [
      'created:"2026-11-30 10:00:30.5"..2026-11-30',
      TOKYO,
      'created:2026-11-30T10:00:30.5+09:00..2026-11-30+09:00',
    ],
  ])('adds offsets to the query %s in %s: %s', (query, zone, written) => {
    expect(addOffsets(query, zone)).toBe(written);
    expect(parseQuery(query, zone)).toEqual(parseQuery(written));
    expect(addOffsets(written, NEW_YORK)).toBeNull();
  });

  it("a day without an offset starts at midnight in the viewer's zone, not in UTC", () => {
    expect(bounds('created:2026-11-30', TOKYO)).toEqual([
      '>= 2026-11-29T15:00',
      '< 2026-11-30T15:00',
    ]);
    expect(bounds('created:2026-11-30')).toEqual(['>= 2026-11-30T00:00', '< 2026-12-01T00:00']);
  });

  it('a day is an hour shorter or longer when clocks change', () => {
    expect(bounds('created:2026-11-01', NEW_YORK)).toEqual([
      '>= 2026-11-01T04:00',
      '< 2026-11-02T05:00',
    ]);
    expect(bounds('created:2026-03-08', NEW_YORK)).toEqual([
      '>= 2026-03-08T05:00',
      '< 2026-03-09T04:00',
    ]);
    expect(bounds('created:2026-04-24', CAIRO)).toEqual([
      '>= 2026-04-23T22:00',
      '< 2026-04-24T21:00',
    ]);
    expect(bounds('created:2026-10-29', CAIRO)).toEqual([
      '>= 2026-10-28T21:00',
      '< 2026-10-29T22:00',
    ]);
  });
});

it('adds no offset to a query without times or with offsets', () => {
  for (const query of ['created:2026-11-30Z', 'created:>2h', '2026-11-30', 'class:2026-11-30', ''])
    expect(addOffsets(query, TOKYO)).toBeNull();
});

it('adds offsets without changing the rest of the query', () =>
  expect(addOffsets('  請求書　created:2026-11-30  -label:"a b"', TOKYO)).toBe(
    '請求書 created:2026-11-30+09:00 -label:"a b"',
  ));

it.each(['2026-02-30', '2026-13-01', '2026-11-30+15:00', '2026-11-30+9', '..', '2026-11-30..<'])(
  'adds no offset to an invalid bound in %s',
  (value) => {
    expect(addZoneOffsets(value, TOKYO)).toBe(
      value === '2026-11-30..<' ? '2026-11-30+09:00..<' : value,
    );
  },
);

it('adds offsets to the last valid days', () => {
  expect(bounds('created:>9999-12-30', TOKYO)).toEqual(['>= 9999-12-30T15:00']);
  expect(bounds('created:<=9999-12-30', 'UTC')).toEqual(['< 9999-12-31T00:00']);
});
