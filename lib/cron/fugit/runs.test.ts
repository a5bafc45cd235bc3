import { Cron } from 'croner';
import { describe, expect, test } from 'vitest';
import {
  type ParsedSchedule,
  nextRun,
  nextRuns,
  previousDue,
  previousRun,
  parseSchedule,
} from './occurrences';

function parse(text: string, zone = 'UTC'): ParsedSchedule {
  const parsed = parseSchedule(text, zone);
  if (typeof parsed === 'string') throw new Error(`${text}: ${parsed}`);
  return parsed;
}
/** Milliseconds since the epoch; a time without a zone is in UTC. */
const at = (text: string) =>
  Date.parse(
    /Z$|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}${text.length <= 10 ? 'T00:00' : ''}Z`,
  );
const iso = (instant: number | null) =>
  instant === null ? null : new Date(instant).toISOString().replace('.000Z', 'Z');
const next = (text: string, from: string, zone?: string) =>
  iso(nextRun(parse(text, zone).schedule, at(from)));
const chain = (text: string, from: string, count: number, zone?: string) =>
  nextRuns(parse(text, zone).schedule, at(from), count).map((run) => iso(run));

// The cases of fugit's own tests; in UTC unless they contain a zone.
test.each([
  ['5 0 * * *', '2017-01-02T12:00', '2017-01-03T00:05:00Z'],
  ['15 14 1 * *', '2017-01-02T12:00', '2017-02-01T14:15:00Z'],
  ['0 0 1 1 *', '2017-01-02T12:00', '2018-01-01T00:00:00Z'],
  ['* * 29 * *', '2016-02-01', '2016-02-29T00:00:00Z'],
  ['* * L * *', '2016-02-01', '2016-02-29T00:00:00Z'],
  ['0 0 -4,-3 * *', '2016-02-01', '2016-02-26T00:00:00Z'],
  ['0 0 -4,-3 * *', '2016-02-26T12:00', '2016-02-27T00:00:00Z'],
  ['* * * * sun', '2017-01-02T12:00', '2017-01-08T00:00:00Z'],
  ['* * -2 * *', '2017-01-02T12:00', '2017-01-30T00:00:00Z'],
  ['* * * * mon#2', '2017-01-02T12:00', '2017-01-09T00:00:00Z'],
  ['* * * * mon#-1', '2017-01-02T12:00', '2017-01-30T00:00:00Z'],
  ['* * * * tue#last', '2017-01-02T12:00', '2017-01-31T00:00:00Z'],
  ['* * * * mon#2,tue', '2016-12-01', '2016-12-06T00:00:00Z'],
  ['* * * * mon#2,tue', '2016-12-07', '2016-12-12T00:00:00Z'],
  ['00 24 * * *', '2017-01-01T12:00', '2017-01-02T00:00:00Z'],
  ['30 04 1,15 * 5', '2017-01-03', '2017-01-06T04:30:00Z'],
  ['30 04 1,15 * 5', '2017-01-14', '2017-01-15T04:30:00Z'],
  ['0 9 29 feb *', '2016-01-23', '2016-02-29T09:00:00Z'],
  ['59 6 1-7 * 2', '2020-03-15T07:29', '2020-03-17T06:59:00Z'],
  ['59 6 1-7 * 2&', '2020-03-15', '2020-04-07T06:59:00Z'],
  ['0 0 29 2 0,6', '2021-12-27T09:47', '2022-02-05T00:00:00Z'],
  ['0 0 */2 * 1-5&', '2022-08-09', '2022-08-11T00:00:00Z'],
  ['0 0 */2 * 1-5', '2022-08-09', '2022-08-10T00:00:00Z'],
  ['30 18 * * 2#5', '2022-03-08', '2022-03-29T18:30:00Z'],
  ['30 18 * * 2#5 Europe/Paris', '2022-03-08', '2022-03-29T16:30:00Z'],
  ['0 9 * * sat%2', '2019-01-01T09:00', '2019-01-05T09:00:00Z'],
  ['59 18 * * 2#2', '2021-02-09T17:41:10', '2021-02-09T18:59:00Z'],
  ['15 5 0 * * *', '2017-01-01', '2017-01-01T00:05:15Z'],
  ['15,30 5 0 * * *', '2017-01-01T00:05:15', '2017-01-01T00:05:30Z'],
  ['15,30 5 0 * * *', '2017-01-01T00:05:31', '2017-01-02T00:05:15Z'],
  ['0 0 29 2 *', '2096-03-01', '2104-02-29T00:00:00Z'],
])('finds the next run of %s after %s', (cron, from, expected) =>
  expect(next(cron, from)).toBe(expected),
);

test.each([
  ['0 10 * * sun%2', '2019-04-11T07:00Z', 'Europe/Berlin', '2019-04-14T08:00:00Z'],
  ['0 10 * * sun%2+1', '2019-04-11T07:00Z', 'Europe/Berlin', '2019-04-21T08:00:00Z'],
  ['0 8 L * mon-thu', '2018-06-28T16:00Z', 'Europe/Berlin', '2018-06-30T06:00:00Z'],
  ['0 0 1 jan *', '2025-02-26', 'Australia/Melbourne', '2025-12-31T13:00:00Z'],
  ['0 9 * * *', '2026-11-24T00:00Z', 'Tokyo', '2026-11-25T00:00:00Z'],
  ['0 9 * * *', '2026-11-23T23:00Z', 'Asia/Tokyo', '2026-11-24T00:00:00Z'],
  ['0 9 * * * +09:00', '2026-11-23T23:00Z', 'America/New_York', '2026-11-24T00:00:00Z'],
  ['0 9 * * * -0330', '2026-11-24T00:00Z', 'UTC', '2026-11-24T12:30:00Z'],
  ['every day at noon', '2026-11-24T00:00Z', 'Eastern Time (US & Canada)', '2026-11-24T17:00:00Z'],
])('finds the next run of %s after %s if the app’s zone is %s', (cron, from, zone, expected) =>
  expect(next(cron, from, zone)).toBe(expected),
);

test.each([
  ['5 0 * * *', '2017-01-01', '2016-12-31T00:05:00Z'],
  ['0 0 1 1 *', '2017-03-15', '2017-01-01T00:00:00Z'],
  ['0 12 1 1 *', '2017-01-01', '2016-01-01T12:00:00Z'],
  ['* * 29 * *', '2017-03-15', '2017-01-29T23:59:00Z'],
  ['* * L * *', '2016-03-15', '2016-02-29T23:59:00Z'],
  ['0 0 -4,-3 * *', '2017-02-25T23:00', '2017-02-25T00:00:00Z'],
  ['* * * * wed#L', '2017-01-31', '2017-01-25T23:59:00Z'],
  ['* * * * mon#2,tue', '2017-01-30', '2017-01-24T23:59:00Z'],
  ['0 20 31 oct *', '2019-11-01', '2019-10-31T20:00:00Z'],
  ['0 9 29 feb *', '2019-03-23', '2016-02-29T09:00:00Z'],
  ['59 6 1-7 * 2', '2020-03-15T07:47', '2020-03-10T06:59:00Z'],
  ['15,30 5 0 * * *', '2017-01-01T00:05:30', '2017-01-01T00:05:15Z'],
  ['15 5 0 * * *', '2017-01-01', '2016-12-31T00:05:15Z'],
  ['0 7 * * 2%2 America/Bogota', '2024-03-21T11:00', '2024-03-19T12:00:00Z'],
])('finds the previous run of %s before %s', (cron, before, expected) =>
  expect(iso(previousRun(parse(cron).schedule, at(before)))).toBe(expected),
);

describe('runs around a clock change', () => {
  test('skips a run whose local time does not exist', () => {
    expect(chain('30 2 * * *', '2026-03-07T12:00Z', 2, 'America/New_York')).toEqual([
      '2026-03-09T06:30:00Z',
      '2026-03-10T06:30:00Z',
    ]);
    expect(chain('* * * * *', '2015-03-08T09:58Z', 3, 'America/Los_Angeles')).toEqual([
      '2015-03-08T09:59:00Z',
      '2015-03-08T10:00:00Z',
      '2015-03-08T10:01:00Z',
    ]);
    expect(chain('0 * * * *', '2021-09-05T02:30Z', 3, 'America/Santiago')).toEqual([
      '2021-09-05T03:00:00Z',
      '2021-09-05T04:00:00Z',
      '2021-09-05T05:00:00Z',
    ]);
    expect(chain('0 0 * * *', '2021-09-04T05:00Z', 1, 'America/Santiago')).toEqual([
      '2021-09-06T03:00:00Z',
    ]);
  });

  test('runs once at a repeated local time', () => {
    expect(chain('15 * * * *', '2015-11-01T07:14Z', 5, 'America/Los_Angeles')).toEqual([
      '2015-11-01T07:15:00Z',
      '2015-11-01T08:15:00Z',
      '2015-11-01T10:15:00Z',
      '2015-11-01T11:15:00Z',
      '2015-11-01T12:15:00Z',
    ]);
    expect(chain('59 1 * * *', '2018-11-03T04:00Z', 4, 'America/New_York')).toEqual([
      '2018-11-03T05:59:00Z',
      '2018-11-04T05:59:00Z',
      '2018-11-05T06:59:00Z',
      '2018-11-06T06:59:00Z',
    ]);
  });

  test('runs twice at a repeated local time in a zone other than the app’s', () => {
    expect(chain('30 1 * * * America/New_York', '2026-11-01T04:00Z', 3, 'UTC')).toEqual([
      '2026-11-01T05:30:00Z',
      '2026-11-01T06:30:00Z',
      '2026-11-02T06:30:00Z',
    ]);
    expect(
      chain('30 1 * * * America/New_York', '2026-11-01T04:00Z', 2, 'America/New_York'),
    ).toEqual(['2026-11-01T05:30:00Z', '2026-11-02T06:30:00Z']);
    expect(
      iso(
        previousDue(parse('30 1 * * * America/New_York', 'UTC').schedule, at('2026-11-01T08:00Z')),
      ),
    ).toBe('2026-11-01T06:30:00Z');
  });

  test('assigns a Monday in summer to the previous week', () => {
    expect(chain('0 9 * * mon%2', '2026-03-01T00:00Z', 4, 'America/New_York')).toEqual([
      '2026-03-02T14:00:00Z',
      '2026-03-09T13:00:00Z',
      '2026-03-23T13:00:00Z',
      '2026-04-06T13:00:00Z',
    ]);
    expect(chain('0 9 * * tue%2', '2026-03-01T00:00Z', 3, 'America/New_York')).toEqual([
      '2026-03-03T14:00:00Z',
      '2026-03-17T13:00:00Z',
      '2026-03-31T13:00:00Z',
    ]);
  });

  test('runs a half-hourly schedule in both repeated hours', () => {
    expect(chain('*/30 1 * * *', '2018-11-04T04:45Z', 5, 'America/New_York')).toEqual([
      '2018-11-04T05:00:00Z',
      '2018-11-04T05:30:00Z',
      '2018-11-04T06:00:00Z',
      '2018-11-04T06:30:00Z',
      '2018-11-05T06:00:00Z',
    ]);
  });

  test('previousDue skips runs that nextRun would skip', () => {
    const due = (cron: string, before: string) =>
      iso(previousDue(parse(cron, 'America/New_York').schedule, at(before)));
    expect(due('30 1 * * *', '2026-11-01T06:40Z')).toBe('2026-11-01T05:30:00Z');
    expect(due('30 1 * * *', '2026-11-02T06:40Z')).toBe('2026-11-02T06:30:00Z');
    expect(due('*/30 1 * * *', '2026-11-01T06:40Z')).toBe('2026-11-01T06:30:00Z');
    expect(due('30 2 * * *', '2026-03-08T12:00Z')).toBe('2026-03-07T07:30:00Z');
  });

  test('keeps the local time of runs before and after a clock change', () => {
    expect(chain('0 0 * * 2', '2021-10-18T10:00Z', 4, 'Europe/Zurich')).toEqual([
      '2021-10-18T22:00:00Z',
      '2021-10-25T22:00:00Z',
      '2021-11-01T23:00:00Z',
      '2021-11-08T23:00:00Z',
    ]);
    expect(chain('30 4 * * *', '2021-03-11T17:00Z', 4, 'America/New_York')).toEqual([
      '2021-03-12T09:30:00Z',
      '2021-03-13T09:30:00Z',
      '2021-03-14T08:30:00Z',
      '2021-03-15T08:30:00Z',
    ]);
    expect(chain('0 8 15 * *', '2021-06-18T05:00Z', 4, 'America/Santiago')).toEqual([
      '2021-07-15T12:00:00Z',
      '2021-08-15T12:00:00Z',
      '2021-09-15T11:00:00Z',
      '2021-10-15T11:00:00Z',
    ]);
  });

  test('supports a clock change of half an hour', () => {
    expect(chain('*/30 * * * *', '2026-04-04T14:15Z', 4, 'Australia/Lord_Howe')).toEqual([
      '2026-04-04T14:30:00Z',
      '2026-04-04T15:30:00Z',
      '2026-04-04T16:00:00Z',
      '2026-04-04T16:30:00Z',
    ]);
  });
});

test('finds the runs that croner finds for expressions which both support', () => {
  const crons = [
    '*/7 * * * *',
    '13 5,17 * * *',
    '0 0 1,15 * *',
    '30 6 * * 1-5',
    '0 12 * 2,7 *',
    '*/20 * * * * *',
    '5 4 29 2 *',
    '0 9 13 * 5',
    '0 3 * * 1#2',
    '0 0 31 * *',
  ];
  for (const cron of crons) {
    const { schedule } = parse(cron, 'Asia/Tokyo');
    const oracle = new Cron(cron, { timezone: 'Asia/Tokyo', paused: true });
    for (const from of ['2026-01-31T14:59:59Z', '2026-11-24T02:03:04Z', '2027-12-31T23:59:59Z']) {
      expect(nextRuns(schedule, at(from), 40).map(iso), cron).toEqual(
        oracle.nextRuns(40, new Date(at(from))).map((run) => iso(run.getTime())),
      );
      expect(iso(previousRun(schedule, at(from))), cron).toBe(
        iso(oracle.previousRuns(1, new Date(at(from)))[0]?.getTime() ?? null),
      );
    }
  }
});

test('returns the reason if a schedule cannot be parsed', () => {
  expect(parseSchedule('at 5 after 4, everyday', 'UTC')).toBe('unknown');
  expect(parseSchedule('0 0 30 2 *', 'UTC')).toBe('unknown');
  expect(parseSchedule('~ 3 * * *', 'UTC')).toBe('random');
  expect(parseSchedule('0 9 * * * Mars/Olympus', 'UTC')).toBe('zone');
  expect(parseSchedule('0 9 * * * +12:00', 'UTC')).toBe('zone');
  // Names that Intl accepts and Ruby rejects.
  for (const name of ['JST', 'PST', 'IST'])
    expect(parseSchedule(`0 9 * * * ${name}`, 'UTC')).toBe('zone');
  expect(parseSchedule('0 9 * * * EST', 'UTC')).toMatchObject({ isAppZone: false });
  expect(parseSchedule('0 9 * * *', 'Nowhere')).toBe('app_zone');
  expect(parseSchedule('0 9 * * * Asia/Tokyo', 'Nowhere')).toMatchObject({ isAppZone: false });
  expect(parseSchedule('x'.repeat(5000), 'UTC')).toBe('unknown');
  expect(parseSchedule('0 9 * * mon%2', 'UTC')).toMatchObject({ hasWeekModulo: true });
});

test('finds a run that is years away', () => {
  expect(nextRun(parse('0 0 29 2 1&').schedule, at('2026-01-01'))).not.toBeNull();
  expect(nextRun(parse('0 0 * 2 1#5,2#5,3#5,4#5,5#5,6#5,0#5').schedule, at('2029-01-01'))).toBe(
    at('2032-02-29'),
  );
});
