import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { insertBatch, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { findPaletteMatches, NO_MATCHES } from './queries';

const JOB = 'c0ffee00-0000-4000-8000-00000000000a';
const BATCH = 'ba7c4000-0000-4000-8000-00000000000b';
const SECRET = 'hunter2hunter2hunter2';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('palette');
  const { client } = testConsole;
  await insertBatch(client, { id: BATCH, description: '請求書 November' });
  await insertBatch(client, { description: `password=${SECRET} November` });
  await insertJob(client, {
    id: JOB,
    job_class: 'InvoiceJob',
    queue_name: 'invoices',
    cron_key: 'invoice_run',
  });
});
afterAll(() => testConsole.close());

const find = (text: string) => findPaletteMatches(testConsole.ctx(), text);

it('finds a job and a batch by the id or its first 8 characters', async () => {
  for (const text of [JOB, JOB.slice(0, 8), JOB.toUpperCase(), JOB.replaceAll('-', '')])
    expect(await find(text), text).toEqual({
      ...NO_MATCHES,
      jobs: [{ id: JOB, jobClass: 'InvoiceJob' }],
    });
  expect((await find(BATCH.slice(0, 8))).batches).toEqual([
    { id: BATCH, description: '請求書 November' },
  ]);
  expect((await find(JOB.slice(0, 7))).jobs).toEqual([]);
});

it('finds classes, queues, cron keys and batches by a part of their name', async () => {
  expect(await find('invoice')).toEqual({
    ...NO_MATCHES,
    classes: ['InvoiceJob'],
    queues: ['invoices'],
    cronKeys: ['invoice_run'],
  });
  expect((await find('請求書')).batches).toEqual([{ id: BATCH, description: '請求書 November' }]);
});

it('matches and shows only redacted descriptions', async () => {
  expect((await find(SECRET)).batches).toEqual([]);
  const { batches } = await find('november');
  expect(batches).toHaveLength(2);
  expect(JSON.stringify(batches)).not.toContain(SECRET);
});

it('finds nothing for one character', async () => {
  expect(await find('i')).toEqual(NO_MATCHES);
});

it('finds at most five of each kind', async () => {
  for (let n = 0; n < 7; n += 1)
    await insertBatch(testConsole.client, {
      id: `feedface-0000-4000-8000-00000000000${n}`,
      description: 'x',
    });
  expect((await find('feedface')).batches).toHaveLength(5);
});
