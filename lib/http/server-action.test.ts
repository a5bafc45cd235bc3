import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { TestConsole } from '../../test/harness/test-console';
import { submitBulkControl } from '../bulk/actions';
import type { Ctx } from '../context/types';
import { ConsoleError, type ErrorCode } from '../core/errors';
import { withAnswer } from './response-status';
import { readForm, runAction } from './server-action';

/** Next's request, which has the ctx's headers, is not there. */
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
  const answer: { status?: number } = {};
  const result = await withAnswer(answer, () =>
    runAction(z.strictObject({ a: z.int() }), input, fn, 'test'),
  );
  return [result.ok ? 'ok' : result.error, answer.status];
}
const throws = (code: ErrorCode) => () => Promise.reject(new ConsoleError(code));
const UPDATED = ['console_updated', 400];

describe('an action', () => {
  it('says that the console was updated, with 400, whenever the request is bad', async () => {
    for (const input of [{ a: 'x' }, { a: 1, b: 2 }, { a: 1, reason: '\0' }, { a: 1, reason: 5 }])
      expect(await statusOf(input, throws('unexpected')), JSON.stringify(input)).toEqual(UPDATED);
    for (const input of [null, undefined, 'x', [{ a: 1 }], false])
      expect(await statusOf(input, throws('unexpected')), JSON.stringify(input)).toEqual(UPDATED);
    expect(await statusOf({ a: 1 }, throws('bad_request'))).toEqual(UPDATED);
  });
  it('is answered with the page’s own status else', async () => {
    expect(await statusOf({ a: 1 }, throws('forbidden'))).toEqual(['forbidden', undefined]);
    expect(await statusOf({ a: 1 }, () => Promise.resolve(1))).toEqual(['ok', undefined]);
  });
});

describe('the form of an action', () => {
  const form = (...fields: [string, string | Blob][]) => {
    const data = new FormData();
    for (const [name, value] of fields) data.append(name, value);
    return data;
  };
  it('is read when it has the fields of the action', () => {
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
  it('is rejected when a field is unknown, repeated or a file', () => {
    for (const sent of [
      form(['a', '1'], ['c', '2']),
      form(['a', '1'], ['a', '1']),
      form(['a', new Blob(['1'])]),
      { a: '1' },
      null,
    ])
      expect(readForm(sent, ['a', 'b'])).toBeNull();
  });
});

it('records an unreadable bulk control by its own name', async () => {
  const form = new FormData();
  form.set('id', 'none');
  await submitBulkControl(form);
  const { rows } = await testConsole.client.query<{ action: string; details: unknown }>(
    'SELECT action, details FROM good_job_console.audit_events ORDER BY id DESC LIMIT 1',
  );
  expect(rows).toEqual([{ action: 'unreadable', details: { action: 'controlBulk' } }]);
});
