import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { TestConsole } from '../test/harness/test-console';
import { runAction } from './action';
import type { Ctx } from './ctx';
import { ConsoleError, type ErrorCode } from './errors';
import { submitBulkControl } from './bulk/actions';
import { withAnswer } from './response-status';

/** Next's request, which has the ctx's headers, is not there. */
const request = vi.hoisted(() => ({ ctx: null as Ctx | null }));
vi.mock('next/headers', () => ({
  headers: () => Promise.resolve(new Headers({ 'next-action': '1' })),
}));
vi.mock('./ctx', async (original) => ({
  ...(await original<object>()),
  requireCtx: () => Promise.resolve(request.ctx),
}));

let gj: TestConsole;
beforeAll(async () => {
  gj = await TestConsole.open('action');
  request.ctx = gj.ctx();
});
afterAll(() => gj.close());

async function statusOf(input: unknown, fn: () => Promise<unknown>): Promise<[unknown, unknown]> {
  const answer: { status?: number } = {};
  const result = await withAnswer(answer, () => runAction(z.object({ a: z.int() }), input, fn, 'test'));
  return [result.ok ? 'ok' : result.error, answer.status];
}
const throws = (code: ErrorCode) => () => Promise.reject(new ConsoleError(code));

describe('an action', () => {
  it('is answered with 400 whenever the request is bad, wherever that was found', async () => {
    expect(await statusOf({ a: 'x' }, throws('unexpected'))).toEqual(['bad_request', 400]);
    expect(await statusOf({ a: 1, reason: '\0' }, throws('unexpected'))).toEqual([
      'bad_request',
      400,
    ]);
    expect(await statusOf({ a: 1 }, throws('bad_request'))).toEqual(['bad_request', 400]);
  });
  it('is answered with the page’s own status else', async () => {
    expect(await statusOf({ a: 1 }, throws('forbidden'))).toEqual(['forbidden', undefined]);
    expect(await statusOf({ a: 1 }, () => Promise.resolve(1))).toEqual(['ok', undefined]);
  });
});

it('records an unreadable bulk control by its own name', async () => {
  const form = new FormData();
  form.set('id', 'none');
  await submitBulkControl(form);
  const { rows } = await gj.client.query<{ action: string; details: unknown }>(
    'SELECT action, details FROM good_job_console.audit_events ORDER BY id DESC LIMIT 1',
  );
  expect(rows).toEqual([{ action: 'unreadable', details: { action: 'controlBulk' } }]);
});
