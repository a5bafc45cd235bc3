import { describe, expect, it } from 'vitest';
import { parseJson } from '../core/json';
import { parseJobFilter } from './filters';
import { argumentLine, excerpt, searchMarks, summarize } from './summary';

const summaryOf = (jobClass: string, args: unknown) => {
  const summary = summarize(jobClass, parseJson(JSON.stringify(args)));
  return [summary.unwrapped, argumentLine(summary.arguments)];
};
const lineOf = (args: unknown, marks: string[] = []) =>
  argumentLine(summarize('TestJob', parseJson(JSON.stringify(args))).arguments, marks);
const user = { _aj_globalid: 'gid://shop/User/174' };

describe('summarize', () => {
  it.each([
    [
      'ActionMailer::MailDeliveryJob',
      ['CustomerMailer', 'welcome', 'deliver_now', { args: [user], _aj_symbol_keys: ['args'] }],
      ['CustomerMailer#welcome', 'User/174'],
    ],
    [
      'ActionMailer::MailDeliveryJob',
      ['CustomerMailer', 'welcome', 'deliver_now', { params: { to: 'a@b.c' }, args: [1] }],
      ['CustomerMailer#welcome', 'to: a@b.c · 1'],
    ],
    [
      'ActionMailer::DeliveryJob',
      ['CustomerMailer', 'welcome', 'deliver_now', user, 2],
      ['CustomerMailer#welcome', 'User/174 · 2'],
    ],
    [
      'ActionMailer::Parameterized::DeliveryJob',
      ['Shop::CustomerMailer', 'welcome', 'deliver_now', { user }],
      ['Shop::CustomerMailer#welcome', 'user: User/174'],
    ],
    [
      'ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper',
      [{ job_class: 'SyncJob', arguments: [7] }],
      ['SyncJob', '7'],
    ],
    ['ActiveStorage::AnalyzeJob', [user], [null, 'User/174']],
    [
      'ActionMailer::MailDeliveryJob',
      ['[REDACTED]', 'welcome', 'deliver_now', { args: [] }],
      [null, '[REDACTED] · welcome · deliver_now · args: []'],
    ],
  ])('shows what %s runs', (jobClass, args, expected) => {
    expect(summaryOf(jobClass, args)).toEqual(expected);
  });

  it('summarize returns no line for a job without arguments', () => {
    expect(summaryOf('TestJob', [])).toEqual([null, null]);
    expect(argumentLine(summarize('TestJob', undefined).arguments)).toBeNull();
  });
});

describe('argumentLine', () => {
  it.each([
    [[1.5, 'a\n  b', null, true, ''], '1.5 · a b · null · true · ""'],
    [[{ to: 'x@example.com', cc: [1, 2] }], 'to: x@example.com · cc: [1, 2]'],
    [[Array.from({ length: 60 }, (_, n) => n)], '[0, 1, 2, +57]'],
    [[{ a: { b: { c: { d: { e: 1 } } } } }], 'a: {b: {c: {d: {…}}}}'],
    [[{ _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: 'daily' }], 'daily'],
    [[{ _aj_serialized: 'MoneySerializer', value: 1200 }], '1200'],
    [[{ _aj_serialized: 'MoneySerializer', cents: 1200 }], '{…}'],
  ])('prints %j', (args, line) => {
    expect(lineOf(args)).toBe(line);
  });

  it('argumentLine limits the length of the line', () => {
    expect(lineOf(['x'.repeat(500)])).toHaveLength(160);
    expect(lineOf([Array.from({ length: 10_000 }, () => 'word')])?.length).toBeLessThan(40);
  });

  it('argumentLine begins with what a search matches', () => {
    const args = [7, { note: 'lorem '.repeat(100), name: '株式会社東雲物流' }];
    expect(lineOf(args)).not.toContain('東雲');
    expect(lineOf(args, ['東雲'])).toMatch(/^name: 株式会社東雲物流 · 7 · note: lorem/);
    expect(lineOf([[1, 2, 3, 4, 5, 'needle']], ['NEEDLE'])).toBe('[1, 2, 3, 4, 5, needle]');
    expect(lineOf(['x'.repeat(300) + ' needle'], ['needle'])).toMatch(/^…x+ needle$/);
  });

  it('argumentLine takes linear time for a large array', () => {
    const args = Array.from({ length: 30_000 }, (_, n) => [n]);
    const startedAt = performance.now();
    lineOf([args], ['nowhere']);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});

describe('searchMarks', () => {
  const marksOf = (q: string) => searchMarks(parseJobFilter(new URLSearchParams({ q })).terms);

  it('returns the texts that a search looks for', () => {
    expect(marksOf('ご請求書 -other error:Net::*Timeout args.0.id:4711 queue:mailers')).toEqual([
      'ご請求書',
      'Net::',
      'Timeout',
      '4711',
    ]);
  });

  it('ignores single characters, which would mark most of a row', () => {
    expect(marksOf('x')).toEqual([]);
  });
});

it('cuts an error around its match', () => {
  const error = `Net::OpenTimeout: ${'x'.repeat(300)} needle ${'y'.repeat(300)}`;
  expect(excerpt(error, ['needle'], 100)).toMatch(/^…x{29} needle y+$/);
  expect(excerpt(error, [], 100)).toBe(error.slice(0, 100));
});
