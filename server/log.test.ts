import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConsoleError } from '../lib/core/errors';
import { withResponseState } from '../lib/core/process-state';
import { captureConsole, createLog, prettyLine } from './log';
import { systemErrorSentence } from './system-error';

const original = { ...console };
let text: string;
beforeEach(() => {
  text = '';
  const write = (line: string) => {
    text += line;
  };
  captureConsole(createLog({ write }), write);
});
afterEach(() => void Object.assign(console, original));
const lines = () =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('a log line has time, level and request id', async () => {
  console.log('It listens.');
  await withResponseState({ requestId: 'a-request' }, async () => {
    await Promise.resolve();
    console.warn('A warning of', { n: 1 });
  });
  expect(lines()).toEqual([
    { level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), msg: 'It listens.' },
    {
      level: 'warn',
      time: expect.any(String) as unknown,
      requestId: 'a-request',
      msg: 'A warning of {"n":1}',
    },
  ]);
});

test('a ConsoleError is logged with code and cause but without a stack', () => {
  console.error(new ConsoleError('query_timeout', { cause: new Error('canceling statement') }));
  console.error(new ConsoleError('forbidden'));
  expect(lines()).toMatchObject([
    { level: 'error', code: 'query_timeout', cause: 'canceling statement' },
    { level: 'info', code: 'forbidden' },
  ]);
  expect(text).not.toContain('    at ');
});

test('an unexpected error is logged with its stack', () => {
  console.error(new TypeError('broken'));
  expect(lines()).toMatchObject([{ level: 'error', msg: 'broken' }]);
  expect(String(lines()[0]?.stack)).toContain('log.test.ts');
});

test('an unreachable database is logged at most once a second', () => {
  for (let n = 0; n < 500; n += 1)
    console.error(new ConsoleError('database_down', { cause: new Error('ECONNREFUSED') }));
  expect(lines()).toMatchObject([{ code: 'database_down', cause: 'ECONNREFUSED' }]);
});

test('an audit record is printed unchanged', () => {
  console.log('{"audit":{"at":"x"}}');
  expect(text).toBe('{"audit":{"at":"x"}}\n');
});

test('prettyLine formats a line as text', () => {
  const line = JSON.stringify({
    level: 'warn',
    time: '2026-11-30T07:05:09.000Z',
    requestId: 'r1',
    code: 'locked',
    msg: 'Refused',
    stack: 'Error\n    at x',
  });
  expect(prettyLine(line)).toBe(
    '07:05:09 WARN  Refused {"code":"locked"} (request r1)\nError\n    at x\n',
  );
});

test('systemErrorSentence describes an error of the operating system in one sentence', () => {
  const error = (code: string, fields: object = {}) =>
    Object.assign(new Error(code), { code, errno: -1, ...fields });
  expect(systemErrorSentence(error('ENOSPC', { path: '/tmp/x', syscall: 'copyfile' }))).toBe(
    'No space is left on the device: /tmp/x (ENOSPC).',
  );
  expect(systemErrorSentence(error('EPIPE', { syscall: 'write' }))).toBe(
    'The output is closed: write (EPIPE).',
  );
  expect(systemErrorSentence(error('EXOTIC'))).toBe('The operating system refused (EXOTIC).');
  expect(systemErrorSentence(new Error('other'))).toBeNull();
});

test('prettyLine escapes control characters', () => {
  const line = JSON.stringify({
    time: '2026-11-30T07:05:09.000Z',
    level: 'warn',
    msg: 'a\u001b]0;title\u0007\u009b2J\u202eb\nc',
  });
  expect(prettyLine(line)).toBe('07:05:09 WARN  a\\u{1b}]0;title\\u{7}\\u{9b}2J\\u{202e}b\nc\n');
});
