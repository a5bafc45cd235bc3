import { describe, expect, test } from 'vitest';
import { CronFileError, type FileEntry, parseCronFile, readCronFile } from './cron-file';

const entries = (text: string) => parseCronFile(text, 'cron.yml').entries;
function entry(text: string): FileEntry {
  const [first] = entries(text).values();
  if (!first) throw new Error('The file has no entry.');
  return first;
}

test('parses an entry of config.good_job.cron from YAML', () => {
  const parsed = entry(`
nightly_report:
  cron: 0 3 * * * Asia/Tokyo
  class: ReportJob
  args: [42, life, 1.0, 12345678901234567890, null, [true], {a: 1}]
  kwargs: { format: pdf, 宛先: 経理部 }
  set: { queue: 日本語キュー, priority: -10, good_job_labels: [" nightly ", "", nightly, レポート], wait: 5 }
  description: 夜間レポート
  enabled_by_default: no
`);
  expect(parsed).toMatchObject({
    key: 'nightly_report',
    cron: '0 3 * * * Asia/Tokyo',
    jobClass: 'ReportJob',
    description: '夜間レポート',
    enabledByDefault: false,
    problems: [],
  });
  expect(parsed.job).toEqual({
    jobClass: 'ReportJob',
    arguments:
      '[42, "life", 1.0, 12345678901234567890, null, [true], {"a": 1, "_aj_symbol_keys": ["a"]}, ' +
      '{"format": "pdf", "宛先": "経理部", "_aj_ruby2_keywords": ["format","宛先"]}]',
    queue: '日本語キュー',
    priority: -10,
    labels: ['nightly', 'レポート'],
    concurrencyKey: null,
    waitSeconds: 5,
    waitUntil: null,
    notify: true,
  });
});

test('parses JSON and entries under a top-level cron key', () => {
  const wrapped = entries(
    '{"cron": {"a": {"cron": "@hourly", "class": "A"}, "b": {"cron": "every day at noon", "class": "B"}}}',
  );
  expect([...wrapped.keys()]).toEqual(['a', 'b']);
  // An entry may itself have the key `cron`.
  expect([...entries('{"cron": {"cron": "@hourly", "class": "A"}}').keys()]).toEqual(['cron']);
  expect(entries('').size).toBe(0);
});

test('parses symbols, anchors and merge keys of Ruby YAML', () => {
  const parsed = entries(`
defaults: &defaults
  class: A
  set: { :priority: 5, :queue: :low }
:one:
  <<: *defaults
  :cron: "@daily"
  args: [{ :id: 1, name: x }]
`);
  expect(parsed.get('one')).toMatchObject({
    cron: '@daily',
    problems: [],
    job: {
      queue: 'low',
      priority: 5,
      arguments: '[{"id": 1, "name": "x", "_aj_symbol_keys": ["id","name"]}]',
    },
  });
});

describe('arguments of an entry', () => {
  const serialized = (text: string) => entry(text).job?.arguments;

  test('serializes hash keys as symbols at every depth', () => {
    expect(
      serialized('{"a":{"cron":"@daily","class":"A","args":[{"id":1,"opts":{"x":true}}]}}'),
    ).toBe(
      '[{"id": 1, "opts": {"x": true, "_aj_symbol_keys": ["x"]}, "_aj_symbol_keys": ["id","opts"]}]',
    );
    expect(
      serialized(
        'a: { cron: "@daily", class: A, args: [[{ id: 1 }], { "quoted": { :deep: 1 } }] }',
      ),
    ).toBe(
      '[[{"id": 1, "_aj_symbol_keys": ["id"]}], ' +
        '{"quoted": {"deep": 1, "_aj_symbol_keys": ["deep"]}, "_aj_symbol_keys": ["quoted"]}]',
    );
    expect(
      serialized('a: { cron: "@daily", class: A, kwargs: { to: { id: 1 }, list: [{ n: 2 }] } }'),
    ).toBe(
      '[{"to": {"id": 1, "_aj_symbol_keys": ["id"]}, ' +
        '"list": [{"n": 2, "_aj_symbol_keys": ["n"]}], "_aj_ruby2_keywords": ["to","list"]}]',
    );
    expect(serialized('a: { cron: "@daily", class: A, args: [{}] }')).toBe(
      '[{"_aj_symbol_keys": []}]',
    );
  });

  test('serializes an unquoted :name as a symbol, in YAML only', () => {
    const fast = '{"_aj_serialized": "ActiveJob::Serializers::SymbolSerializer", "value": "fast"}';
    expect(
      serialized('a: { cron: "@daily", class: A, args: [:fast, ":fast", \':fast\', "fast"] }'),
    ).toBe(`[${fast}, ":fast", ":fast", "fast"]`);
    expect(
      serialized(
        'a:\n  cron: "@daily"\n  class: A\n  kwargs:\n    mode: :fast\n    text: |-\n      :fast',
      ),
    ).toBe(`[{"mode": ${fast}, "text": ":fast", "_aj_ruby2_keywords": ["mode","text"]}]`);
    expect(serialized('a: { cron: "@daily", class: A, args: [!ruby/symbol fast] }')).toBe(
      `[${fast}]`,
    );
    expect(serialized('{"a":{"cron":"@daily","class":"A","args":[":fast",{":id":":x"}]}}')).toBe(
      '[":fast", {":id": ":x", "_aj_symbol_keys": [":id"]}]',
    );
  });

  test('reads y and n as strings but yes, no, on and off as booleans', () => {
    expect(
      serialized('a: { cron: "@daily", class: A, args: [y, N, Yes, off, oN, { y: 1, n: 2 }] }'),
    ).toBe('["y", "N", true, false, true, {"y": 1, "n": 2, "_aj_symbol_keys": ["y","n"]}]');
  });

  test('uses the last value of a duplicate key', () => {
    expect(
      serialized('a: { cron: "@daily", class: A, args: [{ id: 1, b: 2, id: 3, :b: 4 }] }'),
    ).toBe('[{"id": 3, "b": 4, "_aj_symbol_keys": ["id","b"]}]');
    expect(entry('a: { cron: "@daily", class: A, class: B }').jobClass).toBe('B');
    expect(
      [
        ...entries(
          'a: { cron: "@daily", class: A }\nb: { cron: "@daily", class: B }\na: { cron: "@hourly", class: C }',
        ),
      ].map(([key, { jobClass }]) => [key, jobClass]),
    ).toEqual([
      ['a', 'C'],
      ['b', 'B'],
    ]);
  });
});

test.each<[string, object]>([
  ['good_job_labels: tenant', { labels: ['tenant'] }],
  [
    'good_job_labels: [2024, 1.0, :tag, true, null, " a "]',
    { labels: ['2024', '1.0', 'tag', 'true', 'a'] },
  ],
  ['good_job_labels: []', { labels: 'none' }],
  ['good_job_labels: null', { labels: 'none' }],
  ['queue: low', { labels: null, queue: 'low' }],
  ['queue: 5', { queue: '5' }],
  ['queue: ":low"', { queue: ':low' }],
  ['priority: "5"', { priority: 5 }],
  ['priority: " -7 and more"', { priority: -7 }],
  ['priority: 5.9', { priority: 5 }],
  ['priority: false', { priority: null }],
  ['wait: 1.5', { waitSeconds: 1.5 }],
])('converts set: { %s } as GoodJob does', (set, expected) => {
  expect(entry(`a: { cron: "@daily", class: A, set: { ${set} } }`)).toMatchObject({
    problems: [],
    job: expected,
  });
});

test.each([
  ['', true],
  [', enabled_by_default: true', true],
  [', enabled_by_default: false', false],
  [', enabled_by_default: null', false],
  [', enabled_by_default: "no"', true],
])('reads { cron, class%s } as enabled by default: %s', (option, expected) =>
  expect(entry(`a: { cron: "@daily", class: A::B1 ${option} }`).enabledByDefault).toBe(expected),
);

test('accepts a class name with a leading ::', () =>
  expect(entry('a: { cron: "@daily", class: "::A::B" }')).toMatchObject({
    problems: [],
    job: { jobClass: 'A::B' },
  }));

test.each([
  ['a: text', 'not_a_mapping'],
  ['a: {class: A}', 'no_schedule'],
  ['a: {cron: 5, class: A}', 'no_schedule'],
  ['a: {cron: "@daily"}', 'no_class'],
  ['a: {cron: "@daily", class: [A]}', 'bad_class'],
  ['a: {cron: "@daily", class: "-> { A }"}', 'bad_class'],
  ['a: {cron: "@daily", class: "<%= A %>"}', 'bad_class'],
  ['a: {cron: "@daily", class: "A::"}', 'bad_class'],
  ['a: {cron: "@daily", class: A, args: {b: 1}}', 'bad_args'],
  ['a: {cron: "@daily", class: A, args: [2026-11-24]}', 'bad_args'],
  ['a: {cron: "@daily", class: A, args: [{_aj_globalid: x}]}', 'bad_args'],
  ['a: {cron: "@daily", class: A, kwargs: [1]}', 'bad_kwargs'],
  ['a: {cron: "@daily", class: A, set: [1]}', 'bad_set'],
  ['a: {cron: "@daily", class: A, set: {priority: high}}', 'bad_set'],
  ['a: {cron: "@daily", class: A, set: {priority: 3000000000}}', 'bad_set'],
  ['a: {cron: "@daily", class: A, set: {good_job_labels: {a: 1}}}', 'bad_set'],
  ['a: {cron: "@daily", class: :A}', 'bad_class'],
  ['a: {cron: "@daily", class: A, args: [{1: x}]}', 'bad_args'],
  ['a: {cron: "@daily", class: A, args: [{yes: x}]}', 'bad_args'],
  ['a: {cron: "@daily", class: A, set: {wait_until: soon}}', 'bad_set'],
  ['a: {cron: "@daily", class: A, description: [1]}', 'bad_description'],
  ['a: {cron: "@daily", class: A, enabled_by_default: maybe}', 'bad_enabled_by_default'],
])('parses the invalid entry %s with the problem %s', (text, problem) =>
  expect(entry(text).problems).toEqual([problem]),
);

test('an entry with invalid options has no job to enqueue', () =>
  expect(entry('a: {cron: "@daily", class: A, set: 1}').job).toBeNull());

test('an entry with an invalid schedule still has a job to enqueue', () =>
  expect(entry('a: {cron: 5, class: A}').job).not.toBeNull());

test.each([
  ['[1, 2]', 'must hold a mapping'],
  ['just text', 'must hold a mapping'],
  ['a: {', 'neither YAML nor JSON'],
])('rejects the file %j with one sentence that names it', (text, sentence) => {
  expect(() => entries(text)).toThrow(CronFileError);
  expect(() => entries(text)).toThrow(sentence);
  expect(() => entries(text)).toThrow(/^CRON_FILE cron\.yml [^\n]*\.$/);
});

test('rejects a missing CRON_FILE', () => {
  expect(() => readCronFile('/nowhere/cron.yml')).toThrow(
    /^CRON_FILE \/nowhere\/cron\.yml cannot be read: /,
  );
});
