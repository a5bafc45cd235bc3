import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  type Columns,
  DISCARDED,
  insertExecution,
  insertJob,
  params,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { HIDDEN } from '../redaction/redaction';
import { chartOfList } from './chart';
import { parseColumns } from './columns';
import { countTabs } from './counts';
import { getJob } from './detail';
import { listExecutions } from './executions';
import { exportJobs } from './export';
import { parseJobFilter } from './filters';
import { listJobs } from './list';
import { getRawExecution, getRawJob } from './raw';
import { withColumns } from './rows';
import { completeQuery } from './suggestions';

/* Members of a payload beside `arguments`, which the application's own `serialize` writes. */

const SECRET = 'zq7kxw9vjt3m';
let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('custom_members');
});
afterAll(() => console_.close());
afterEach(() => console_.client.query('TRUNCATE good_jobs, good_job_executions'));

const asked = (query: Record<string, string>) => parseJobFilter(new URLSearchParams(query));

/** A discarded job that repeats SECRET everywhere but where its payload names it. */
async function addJob(payload: (id: string) => string | null): Promise<string> {
  const id = randomUUID();
  const error = `LoginError: ${SECRET} was refused`;
  const columns: Columns = {
    ...DISCARDED,
    error,
    labels: ['bulk', SECRET],
    queue_name: `tenant-${SECRET}`,
    cron_key: SECRET,
  };
  await insertJob(console_.client, { id, ...columns, serialized_params: payload(id) });
  await insertExecution(console_.client, id, {
    error,
    error_backtrace: [`app/login.rb:1:in '${SECRET}'`],
    serialized_params: payload(id),
    finished_at: new Date(),
  });
  return id;
}

/** All that lists, pages, exports and completion print of the job. */
async function outputsOf(id: string): Promise<string> {
  const ctx = console_.ctx();
  const page = await listJobs(ctx, asked({}));
  const executions = await listExecutions(ctx, id);
  const all: unknown[] = [
    page,
    await withColumns(ctx, page.rows, parseColumns('cron,error,labels,args.0')),
    await getJob(ctx, id),
    await getJob(ctx, id, { all: true }),
    await getRawJob(ctx, id),
    await chartOfList(ctx, asked({}), { range: 'day', by: 'queue' }),
    executions,
    await getRawExecution(ctx, executions[0]?.id ?? ''),
  ];
  for (const text of ['label:', `label:${SECRET.slice(0, 3)}`, 'queue:', 'cron:'])
    all.push((await completeQuery(ctx, { text, at: text.length })).items);
  for (const format of ['csv', 'ndjson'] as const)
    for await (const chunk of exportJobs(ctx, asked({}), format)) all.push(chunk);
  return JSON.stringify(all);
}

it.each([
  ['a string', { tenant_token: SECRET }],
  ['nested', { tenant: { id: 1, credentials: { token: SECRET } } }],
  ['part of a value', { tenant_authorization: `Token token="${SECRET}"` }],
  ['in a text', { context: `signed in with password=${SECRET}` }],
])(
  'a secret in a custom member of the payload is hidden where it is repeated: %s',
  async (_, members) => {
    const id = await addJob((own) =>
      params(own, { ...members, arguments: [SECRET, { a: SECRET }] }),
    );
    const all = await outputsOf(id);
    expect(all).not.toContain(SECRET);
    expect(all).toContain(`LoginError: ${HIDDEN} was refused`);
  },
);

it('a secret in a payload that is no object is hidden where it is repeated', async () => {
  const id = await addJob(() => JSON.stringify([{ token: SECRET }]));
  expect(await outputsOf(id)).not.toContain(SECRET);
});

it('custom members that are too large to be read hide every text of their job', async () => {
  const id = await addJob((own) =>
    params(own, { tenant: { note: 'lorem ipsum '.repeat(8_000), token: SECRET } }),
  );
  const [row] = (await listJobs(console_.ctx(), asked({}))).rows;
  expect(row).toMatchObject({ error: HIDDEN, tooLarge: { part: 'arguments' } });
  expect(await outputsOf(id)).not.toContain(SECRET);
});

it('a search finds no repeat of a secret in a custom member', async () => {
  await addJob((own) => params(own, { tenant_token: SECRET, arguments: [SECRET] }));
  for (const q of [SECRET.slice(0, 6), `error:${SECRET}`, `label:${SECRET.slice(0, 4)}*`]) {
    expect((await listJobs(console_.ctx(), asked({ q }))).rows, q).toEqual([]);
    const counts = await countTabs(console_.ctx(), asked({ q }));
    expect(JSON.stringify(counts), q).not.toMatch(/"count":[1-9]/);
  }
  expect((await listJobs(console_.ctx(), asked({ q: 'error:refused' }))).rows).toHaveLength(1);
});

it('ordinary custom members hide nothing', async () => {
  const id = await addJob((own) => params(own, { tenant: 'acme', trace: { id: 'abc' } }));
  expect((await listJobs(console_.ctx(), asked({}))).rows[0]?.error).toContain(SECRET);
  expect(await outputsOf(id)).toContain(SECRET);
});

it('a number of attempts with very many digits is not printed', async () => {
  const id = randomUUID();
  await insertJob(console_.client, { id, ...DISCARDED });
  for (const executions of ['1e131071', '0e-16383', '2', '1.5'])
    await insertExecution(console_.client, id, {
      serialized_params: params(id).replace('"executions":0', `"executions":${executions}`),
      created_at: new Date(Date.now() - 1_000),
    });
  const numbers = (await listExecutions(console_.ctx(), id)).map(({ number }) => number);
  expect(numbers).toHaveLength(4);
  expect(numbers).toEqual(expect.arrayContaining([null, 1, 3, 2.5]));
});
