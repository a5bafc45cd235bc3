import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { TestConsole } from '../../test/harness/test-console';
import { submitBulkControl } from '../bulk/actions';
import type { Ctx } from '../context/request-context';
import { ConsoleError, type ErrorCode } from '../core/errors';
import { withResponseState } from '../core/process-state';
import { readForm, runAction } from './server-action';

/** Replaces the context that `requireCtx` would read from Next's request. */
const request = vi.hoisted(() => ({ ctx: null as Ctx | null }));
vi.mock('next/headers', () => ({
  headers: () => Promise.resolve(new Headers({ 'next-action': '1' })),
}));
vi.mock('../context/request-context', async (original) => ({
  ...(await original<object>()),
  requireCtx: () => Promise.resolve(request.ctx),
}));

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('action');
  request.ctx = testConsole.ctx();
});
afterAll(() => testConsole.close());

async function statusOf(input: unknown, fn: () => Promise<unknown>): Promise<[unknown, unknown]> {
  const response: { status?: number } = {};
  const result = await withResponseState(response, () =>
    runAction(z.strictObject({ a: z.int() }), input, fn, 'test'),
  );
  return [result.ok ? 'ok' : result.error, response.status];
}
const throws = (code: ErrorCode) => () => Promise.reject(new ConsoleError(code));
const UPDATED = ['console_updated', 400];

describe('runAction', () => {
  it('returns console_updated with status 400 for every bad request', async () => {
    for (const input of [{ a: 'x' }, { a: 1, b: 2 }, { a: 1, reason: '\0' }, { a: 1, reason: 5 }])
      expect(await statusOf(input, throws('unexpected')), JSON.stringify(input)).toEqual(UPDATED);
    for (const input of [null, undefined, 'x', [{ a: 1 }], false])
      expect(await statusOf(input, throws('unexpected')), JSON.stringify(input)).toEqual(UPDATED);
    expect(await statusOf({ a: 1 }, throws('bad_request'))).toEqual(UPDATED);
  });
  it('runAction keeps the HTTP status for other errors and for results', async () => {
    expect(await statusOf({ a: 1 }, throws('forbidden'))).toEqual(['forbidden', undefined]);
    expect(await statusOf({ a: 1 }, () => Promise.resolve(1))).toEqual(['ok', undefined]);
  });
});

describe('readForm', () => {
  const form = (...fields: [string, string | Blob][]) => {
    const data = new FormData();
    for (const [name, value] of fields) data.append(name, value);
    return data;
  };
  it('readForm returns the fields of an action form', () => {
    const fields = readForm(
      form(['$ACTION_ID_4', ''], ['a', '1'], ['list', '2'], ['list', '3']),
      ['a', 'b'],
      ['list'],
    );
    expect([fields?.get('a'), fields?.get('b'), fields?.getAll('list')]).toEqual([
      '1',
      null,
      ['2', '3'],
    ]);
  });
  it('readForm returns null if a field is unknown, repeated or a file', () => {
    for (const input of [
      form(['a', '1'], ['c', '2']),
      form(['a', '1'], ['a', '1']),
      form(['a', new Blob(['1'])]),
      { a: '1' },
      null,
    ])
      expect(readForm(input, ['a', 'b'])).toBeNull();
  });
});

it('records an unreadable bulk control with the name of its action', async () => {
  const form = new FormData();
  form.set('id', 'none');
  await submitBulkControl(form);
  const { rows } = await testConsole.client.query<{ action: string; details: unknown }>(
    'SELECT action, details FROM good_job_console.audit_events ORDER BY id DESC LIMIT 1',
  );
  expect(rows).toEqual([{ action: 'unreadable', details: { action: 'controlBulk' } }]);
});
