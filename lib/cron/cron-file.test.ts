import { expect, test } from 'vitest';
import { CronFileError, parseCronFile, readCronFile } from './cron-file';

const entries = (text: string) => parseCronFile(text, 'cron.yml').entries;
const entry = (text: string) => [...entries(text).values()][0]!;

test('the shape of config.cron, in YAML', () => {
  const found = entry(`
nightly_report:
  cron: 0 3 * * * Asia/Tokyo
  class: ReportJob
  args: [42, life, 1.0, 12345678901234567890, null, [true], {a: 1}]
  kwargs: { format: pdf, 宛先: 経理部 }
  set: { queue: 日本語キュー, priority: -10, good_job_labels: [" nightly ", "", nightly, レポート], wait: 5 }
  description: 夜間レポート
  enabled_by_default: no
`);
  expect(found).toMatchObject({ key: 'nightly_report', cron: '0 3 * * * Asia/Tokyo', jobClass: 'ReportJob', description: '夜間レポート', enabledByDefault: false, problems: [] });
  expect(found.job).toEqual({
    jobClass: 'ReportJob',
    arguments: '[42, "life", 1.0, 12345678901234567890, null, [true], {"a": 1, "_aj_symbol_keys": []}, {"format": "pdf", "宛先": "経理部", "_aj_ruby2_keywords": ["format","宛先"]}]',
    queue: '日本語キュー', priority: -10, labels: ['nightly', 'レポート'], concurrencyKey: null, waitSeconds: 5, waitUntil: null, notify: true,
  });
});

test('JSON, and everything under cron:', () => {
  const wrapped = entries('{"cron": {"a": {"cron": "@hourly", "class": "A"}, "b": {"cron": "every day at noon", "class": "B"}}}');
  expect([...wrapped.keys()]).toEqual(['a', 'b']);
  // An entry whose key is cron is an entry.
  expect([...entries('{"cron": {"cron": "@hourly", "class": "A"}}').keys()]).toEqual(['cron']);
  expect(entries('').size).toBe(0);
});

test('what Ruby writes: symbols, anchors, merges', () => {
  const found = entries(`
defaults: &defaults
  class: A
  set: { ":priority": 5, ":queue": ":low" }
":one":
  <<: *defaults
  ":cron": "@daily"
  args: [{ ":id": 1, name: x }]
`);
  expect(found.get('one')).toMatchObject({ cron: '@daily', problems: [], job: { queue: 'low', priority: 5, arguments: '[{"id": 1, "name": "x", "_aj_symbol_keys": ["id"]}]' } });
});

test.each([
  ['a: text', 'not_a_mapping'], ['a: {class: A}', 'no_schedule'], ['a: {cron: 5, class: A}', 'no_schedule'], ['a: {cron: "@daily"}', 'no_class'], ['a: {cron: "@daily", class: [A]}', 'bad_class'],
  ['a: {cron: "@daily", class: A, args: {b: 1}}', 'bad_args'], ['a: {cron: "@daily", class: A, args: [2026-11-24]}', 'bad_args'], ['a: {cron: "@daily", class: A, args: [{_aj_globalid: x}]}', 'bad_args'],
  ['a: {cron: "@daily", class: A, kwargs: [1]}', 'bad_kwargs'], ['a: {cron: "@daily", class: A, set: [1]}', 'bad_set'], ['a: {cron: "@daily", class: A, set: {priority: high}}', 'bad_set'],
  ['a: {cron: "@daily", class: A, set: {wait_until: soon}}', 'bad_set'], ['a: {cron: "@daily", class: A, description: [1]}', 'bad_description'], ['a: {cron: "@daily", class: A, enabled_by_default: maybe}', 'bad_enabled_by_default'],
])('%s: the entry is there, and says %s', (text, problem) => expect(entry(text).problems).toEqual([problem]));

test('a mistake in what is enqueued leaves nothing to enqueue; another one does not', () => {
  expect(entry('a: {cron: "@daily", class: A, set: 1}').job).toBeNull();
  expect(entry('a: {cron: 5, class: A}').job).not.toBeNull();
});

test.each([
  ['[1, 2]', 'must hold a mapping'], ['just text', 'must hold a mapping'], ['a: {', 'neither YAML nor JSON'], ['a: 1\na: 2', 'neither YAML nor JSON'],
])('%j is no such file, and one sentence says so', (text, sentence) => {
  expect(() => entries(text)).toThrow(CronFileError);
  expect(() => entries(text)).toThrow(sentence);
  expect(() => entries(text)).toThrow(/^CRON_FILE cron\.yml [^\n]*\.$/);
});

test('a file that is not there', () => {
  expect(() => readCronFile('/nowhere/cron.yml')).toThrow(/^CRON_FILE \/nowhere\/cron\.yml cannot be read: /);
});
