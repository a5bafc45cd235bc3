import { describe, expect, it } from 'vitest';
import { compactJson, parseJson } from '../core/json-text';
import { type Steps, runToEnd } from '../core/steps';
import { HIDDEN, type JsonOptions, Redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

const rules = new Redaction();
const S = 'hunter2Zq9x';
const redact = (value: unknown, options: JsonOptions = {}) =>
  compactJson(rules.redactJson(parseJson(JSON.stringify(value)), options));
const overflowed = () => {
  const secrets = new SecretRegistry();
  secrets.overflowed = true;
  return secrets;
};

describe('a key of the application, where not all hidden values are known', () => {
  it.each([
    ['the properties of a batch', 'other'],
    ['a payload', 'payload'],
    ['a row', 'row'],
    ['a list of arguments', 'arguments'],
  ] as const)('is hidden at the top of %s', (_, of) => {
    const redacted = redact({ [S]: 1, tenant_note: 2 }, { of, secrets: overflowed() });
    expect(redacted).not.toContain(S);
    expect(redacted).not.toContain('tenant_note');
  });

  it('is hidden below the payload of a row, whose own columns stay', () => {
    const row = {
      id: 1,
      queue_name: 'x',
      serialized_params: { job_id: 1, arguments: [], [S]: 1 },
      _good_job: { executions_count: 1, [S]: 2 },
    };
    const redacted = redact(row, { of: 'row', secrets: overflowed() });
    expect(redacted).not.toContain(S);
    for (const key of ['queue_name', 'serialized_params', 'arguments', 'executions_count'])
      expect(redacted).toContain(`"${key}":`);
  });

  it('keeps the columns of a batch', () => {
    const row = { description: 'x', serialized_properties: { [S]: 1 }, callback_queue_name: null };
    const redacted = redact(row, { secrets: overflowed() });
    expect(redacted).toBe(
      `{"description":"x","serialized_properties":{"${HIDDEN}":1},"callback_queue_name":null}`,
    );
  });
});

describe('a mark of Active Job', () => {
  it.each([
    '_aj_symbol_keys',
    '_aj_ruby2_keywords',
    '_aj_serialized',
    '_aj_hash_with_indifferent_access',
  ])('%s hides what Active Job would not write', (mark) => {
    for (const value of [
      { password: S },
      { inner: { token: S } },
      [{ password: S }],
      [['x', { password: S }]],
      `password=${S}`,
      `${'long '.repeat(60)} password=${S}`,
      [`${'long '.repeat(60)} password=${S}`],
    ])
      expect(redact([{ a: 1, [mark]: value }], { of: 'arguments' })).not.toContain(S);
  });

  it.each(['_aj_symbol_keys', '_aj_ruby2_keywords', '_aj_serialized', '_aj_any'])(
    '%s hides the repeat of a hidden value',
    (mark) => {
      for (const value of [S, { a: S }, [S], [{ a: [S] }]])
        expect(redact([{ token: S }, { [mark]: value }], { of: 'arguments' })).not.toContain(S);
    },
  );

  it.each(['_aj_symbol_keys', '_aj_serialized', '_aj_any'])(
    '%s with data in it is part of the hidden value around it',
    (mark) => {
      const value = [{ token: { [mark]: { a: S } } }, { note: S }];
      expect(redact(value, { of: 'arguments' })).not.toContain(S);
    },
  );

  it('is no way around a job class that is an object', () =>
    expect(
      redact({ job_class: { a: S }, arguments: [{ token: S }] }, { of: 'payload' }),
    ).not.toContain(S));

  it('stays as Active Job writes it', () => {
    const value = [
      { welcome_mail: 1, _aj_symbol_keys: ['welcome_mail', 'token'] },
      { value: 'x', _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer' },
      { a: 1, _aj_hash_with_indifferent_access: true },
      { _aj_globalid: 'gid://app/User/1' },
    ];
    expect(redact(value, { of: 'arguments' })).toBe(JSON.stringify(value));
  });
});

it('reads JSON in a string as JSON, whatever its length', () => {
  const inner = JSON.stringify({
    password: { a: S, b: 'x' },
    note: 'lorem "ipsum" '.repeat(70_000),
  });
  const redacted = JSON.parse(redact([inner], { of: 'arguments' })) as string[];
  expect(JSON.parse(redacted[0] ?? '')).toMatchObject({ password: HIDDEN });
});

/** The longest step, in ms of the CPU; the steps themselves in number. */
function longestStep(steps: Steps<unknown>): { count: number; longestMs: number } {
  let [count, longestMs] = [0, 0];
  for (;;) {
    const before = process.cpuUsage().user;
    const step = steps.next();
    longestMs = Math.max(longestMs, (process.cpuUsage().user - before) / 1_000);
    count += 1;
    if (step.done) return { count, longestMs };
  }
}

describe('steps of redaction', () => {
  const steps = (text: string, options: JsonOptions = {}) =>
    (rules as unknown as { jsonSteps(json: unknown, own: JsonOptions): Steps<unknown> }).jsonSteps(
      parseJson(text),
      { of: 'arguments', ...options },
    );
  const words = (length: number) => 'order 1 of a=b '.repeat(length / 15);
  it.each([
    ['a key of 1 MB', JSON.stringify([{ [words(1_000_000)]: 1, token: S }])],
    [
      '2,000 strings of 1 kB',
      JSON.stringify([
        { token: S },
        Array.from({ length: 2_000 }, (_, n) => `${n} ${words(1_000)}`),
      ]),
    ],
    [
      '100,000 hidden values',
      JSON.stringify([{ tokens: Array.from({ length: 100_000 }, (_, n) => `v-${n}`) }]),
    ],
    ['a string of 2 MB', JSON.stringify([{ token: S }, words(2_000_000)])],
    ['numbers', JSON.stringify([{ token: 482133 }, '482134 '.repeat(280_000)])],
  ])('are many in %s', (_, text) => {
    runToEnd(steps(JSON.stringify([{ token: S }, 'warm up'])));
    const { count, longestMs } = longestStep(steps(text));
    expect(count).toBeGreaterThan(20);

    expect(longestMs).toBeLessThan(100);
  });
});
