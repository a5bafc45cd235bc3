import { expect, test } from 'vitest';
import { describeSchedule } from './entries';
import { parseCron } from './fugit/cron-expression';

function words(cron: string) {
  const parsed = parseCron(cron);
  return typeof parsed === 'string' ? parsed : describeSchedule(parsed.fields);
}

test.each([
  ['* * * * *', { kind: 'minutes', every: 1 }],
  ['*/5 * * * *', { kind: 'minutes', every: 5 }],
  ['*/10 * * * * *', { kind: 'seconds', every: 10 }],
  ['0 * * * *', { kind: 'hourly', minutes: ['00'] }],
  ['5,35 * * * *', { kind: 'hourly', minutes: ['05', '35'] }],
  ['15 */3 * * *', { kind: 'hours', every: 3, minute: '15' }],
  ['0 9 * * *', { kind: 'daily', times: ['09:00'] }],
  ['30 9,18 * * *', { kind: 'daily', times: ['09:30', '18:30'] }],
  ['0 9 * * 1-5', { kind: 'weekly', weekdays: [1, 2, 3, 4, 5], times: ['09:00'] }],
  ['0 0 1,L * *', { kind: 'monthly', monthdays: [-1, 1], times: ['00:00'] }],
  ['0 0 1 1,7 *', { kind: 'yearly', months: [1, 7], monthdays: [1], times: ['00:00'] }],
])('describes the schedule %s in words', (cron, expected) => expect(words(cron)).toEqual(expected));

test.each([
  '*/7 * * * *',
  '* 9 * * *',
  '0 9 * * 1#2',
  '0 9 1 * 1',
  '0 9 -3 * *',
  '*/5 9-17 * * 1-5',
  '30 0 9 * * *',
  '0 9 * 1 1',
  '0 9 1 * 1&',
])('returns no description for the schedule %s', (cron) => expect(words(cron)).toBeNull());
