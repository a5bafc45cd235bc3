import { describe, expect, it } from 'vitest';
import { compactJson, parseJson } from '../core/json';
import { type Steps, runToEnd } from '../core/steps';
import { REDACTION_MARKER, type JsonOptions, Redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

const rules = new Redaction();
const SECRET = 'hunter2Zq9x';
const redact = (value: unknown, options: JsonOptions = {}) =>
  compactJson(rules.redactJson(parseJson(JSON.stringify(value)), options));
const overflowed = () => {
  const secrets = new SecretRegistry();
  secrets.overflowed = true;
  return secrets;
};

describe('redactJson with an overflowed registry', () => {
  it.each([
    ['the properties of a batch', 'other'],
    ['a payload', 'payload'],
    ['a row', 'row'],
    ['a list of arguments', 'arguments'],
  ] as const)('hides application keys at the top level of %s', (_, kind) => {
    const redacted = redact({ [SECRET]: 1, tenant_note: 2 }, { kind, secrets: overflowed() });
    expect(redacted).not.toContain(SECRET);
    expect(redacted).not.toContain('tenant_note');
  });

  it('hides application keys in the payload of a row, but not its columns', () => {
    const row = {
      id: 1,
      queue_name: 'x',
      serialized_params: { job_id: 1, arguments: [], [SECRET]: 1 },
      _good_job: { executions_count: 1, [SECRET]: 2 },
    };
    const redacted = redact(row, { kind: 'row', secrets: overflowed() });
    expect(redacted).not.toContain(SECRET);
    for (const key of ['queue_name', 'serialized_params', 'arguments', 'executions_count'])
      expect(redacted).toContain(`"${key}":`);
  });

  it.each([
    ['in the class of a job', { job_class: `SyncJob token=${SECRET}` }],
    ['in JSON that is the class of a job', { job_class: `{"a":["token=${SECRET}"]}` }],
    ['in place of a serializer', { arguments: [{ _aj_serialized: 'AKIAIOSFODNN7EXAMPLE' }] }],
  ])('hides a secret %s, which stays readable', (_, payload) => {
    const redacted = redact(payload, { kind: 'payload', secrets: overflowed() });
    expect(redacted).toContain(REDACTION_MARKER);
    expect(redacted).not.toMatch(/hunter2|AKIA/);
  });

  it('keeps words that are too common to be secret', () =>
    expect(redact(['default', true, 'password'], { secrets: overflowed() })).toBe(
      '["default",true,"password"]',
    ));

  it('keeps the column names of a batch', () => {
    const row = {
      description: 'x',
      serialized_properties: { [SECRET]: 1 },
      callback_queue_name: null,
    };
    const redacted = redact(row, { secrets: overflowed() });
    expect(redacted).toBe(
      `{"description":"x","serialized_properties":{"${REDACTION_MARKER}":1},"callback_queue_name":null}`,
    );
  });
});

describe('Active Job metadata in redactJson', () => {
  it.each([
    '_aj_symbol_keys',
    '_aj_ruby2_keywords',
    '_aj_serialized',
    '_aj_hash_with_indifferent_access',
  ])('hides a secret under %s that Active Job would not write', (key) => {
    for (const value of [
      { password: SECRET },
      { inner: { token: SECRET } },
      [{ password: SECRET }],
      [['x', { password: SECRET }]],
      `password=${SECRET}`,
      `${'long '.repeat(60)} password=${SECRET}`,
      [`${'long '.repeat(60)} password=${SECRET}`],
    ])
      expect(redact([{ a: 1, [key]: value }], { kind: 'arguments' })).not.toContain(SECRET);
  });

  it.each(['_aj_symbol_keys', '_aj_ruby2_keywords', '_aj_serialized', '_aj_any'])(
    'hides the repeat of a hidden value under %s',
    (key) => {
      for (const value of [SECRET, { a: SECRET }, [SECRET], [{ a: [SECRET] }]])
        expect(redact([{ token: SECRET }, { [key]: value }], { kind: 'arguments' })).not.toContain(
          SECRET,
        );
    },
  );

  it.each(['_aj_symbol_keys', '_aj_serialized', '_aj_any'])(
    'hides repeats of application data that is under %s in a hidden value',
    (key) => {
      const value = [{ token: { [key]: { a: SECRET } } }, { note: SECRET }];
      expect(redact(value, { kind: 'arguments' })).not.toContain(SECRET);
    },
  );

  it('hides repeats in a job class that is an object', () =>
    expect(
      redact({ job_class: { a: SECRET }, arguments: [{ token: SECRET }] }, { kind: 'payload' }),
    ).not.toContain(SECRET));

  it('keeps metadata that Active Job wrote', () => {
    const value = [
      { welcome_mail: 1, _aj_symbol_keys: ['welcome_mail', 'token'] },
      { value: 'x', _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer' },
      { a: 1, _aj_hash_with_indifferent_access: true },
      { _aj_globalid: 'gid://app/User/1' },
    ];
    expect(redact(value, { kind: 'arguments' })).toBe(JSON.stringify(value));
  });
});

it('redacts JSON inside a string of any length by its keys', () => {
  const inner = JSON.stringify({
    password: { a: SECRET, b: 'x' },
    note: 'lorem "ipsum" '.repeat(70_000),
  });
  const redacted = JSON.parse(redact([inner], { kind: 'arguments' })) as string[];
  expect(JSON.parse(redacted[0] ?? '')).toMatchObject({ password: REDACTION_MARKER });
});

/** The number of steps, and the CPU time of the longest in milliseconds. */
function longestStep(steps: Steps<unknown>): { count: number; longestMs: number } {
  let count = 0;
  let longestMs = 0;
  for (;;) {
    const before = process.cpuUsage().user;
    const step = steps.next();
    longestMs = Math.max(longestMs, (process.cpuUsage().user - before) / 1_000);
    count += 1;
    if (step.done) return { count, longestMs };
  }
}

describe('redactJsonInSteps', () => {
  const steps = (text: string, options: JsonOptions = {}) =>
    (
      rules as unknown as { jsonSteps(json: unknown, options: JsonOptions): Steps<unknown> }
    ).jsonSteps(parseJson(text), { kind: 'arguments', ...options });
  const words = (length: number) => 'order 1 of a=b '.repeat(length / 15);
  it.each([
    ['a key of 1 MB', JSON.stringify([{ [words(1_000_000)]: 1, token: SECRET }])],
    [
      '2,000 strings of 1 kB',
      JSON.stringify([
        { token: SECRET },
        Array.from({ length: 2_000 }, (_, n) => `${n} ${words(1_000)}`),
      ]),
    ],
    [
      '100,000 hidden values',
      JSON.stringify([{ tokens: Array.from({ length: 100_000 }, (_, n) => `v-${n}`) }]),
    ],
    ['a string of 2 MB', JSON.stringify([{ token: SECRET }, words(2_000_000)])],
    ['numbers', JSON.stringify([{ token: 482133 }, '482134 '.repeat(280_000)])],
  ])('redacts %s in many short steps', (_, text) => {
    runToEnd(steps(JSON.stringify([{ token: SECRET }, 'warm up'])));
    const { count, longestMs } = longestStep(steps(text));
    expect(count).toBeGreaterThan(20);

    expect(longestMs).toBeLessThan(100);
  });
});
