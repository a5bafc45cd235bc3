import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  type Columns,
  DISCARDED,
  insertExecution,
  insertJob,
  serializedParams,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { REDACTION_MARKER } from '../redaction/redaction';
import { chartOfList } from './chart';
import { countTabs } from './counts';
import { getJob } from './detail';
import { listExecutions } from './executions';
import { exportJobs } from './export';
import { parseJobFilter } from './filters';
import { listJobs } from './list';
import { getRawExecution, getRawJob } from './raw';
import { loadColumns } from './rows';
import { completeQuery } from './suggestions';
import { parseColumns } from './types';

/* Payload members that a job class adds in `serialize`, besides the standard ones. */

const SECRET = 'zq7kxw9vjt3m';
let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('custom_members');
});
afterAll(() => console_.close());
afterEach(() => console_.client.query('TRUNCATE good_jobs, good_job_executions'));

const filterOf = (query: Record<string, string>) => parseJobFilter(new URLSearchParams(query));

/**
 * Inserts a discarded job whose error, labels and other texts repeat SECRET. `payload` returns a
 * payload that marks it as secret.
 */
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

/** Returns all output about the job: lists, pages, exports and completions. */
async function outputsOf(id: string): Promise<string> {
  const ctx = console_.ctx();
  const page = await listJobs(ctx, filterOf({}));
  const executions = await listExecutions(ctx, id);
  const all: unknown[] = [
    page,
    await loadColumns(ctx, page.rows, parseColumns('cron,error,labels,args.0')),
    await getJob(ctx, id),
    await getJob(ctx, id, { all: true }),
    await getRawJob(ctx, id),
    await chartOfList(ctx, filterOf({}), { range: 'day', by: 'queue' }),
    executions,
    await getRawExecution(ctx, executions[0]?.id ?? ''),
  ];
  for (const text of ['label:', `label:${SECRET.slice(0, 3)}`, 'queue:', 'cron:'])
    all.push((await completeQuery(ctx, { text, at: text.length })).items);
  for (const format of ['csv', 'ndjson'] as const)
    for await (const chunk of exportJobs(ctx, filterOf({}), format)) all.push(chunk);
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
      serializedParams(own, { ...members, arguments: [SECRET, { a: SECRET }] }),
    );
    const all = await outputsOf(id);
    expect(all).not.toContain(SECRET);
    expect(all).toContain(`LoginError: ${REDACTION_MARKER} was refused`);
  },
);

it('redacts repeats of a secret in a payload that is not an object', async () => {
  const id = await addJob(() => JSON.stringify([{ token: SECRET }]));
  expect(await outputsOf(id)).not.toContain(SECRET);
});

it('hides every text of a job whose custom members are too large to read', async () => {
  const id = await addJob((own) =>
    serializedParams(own, { tenant: { note: 'lorem ipsum '.repeat(8_000), token: SECRET } }),
  );
  const [row] = (await listJobs(console_.ctx(), filterOf({}))).rows;
  expect(row).toMatchObject({ error: REDACTION_MARKER, tooLarge: { part: 'arguments' } });
  expect(await outputsOf(id)).not.toContain(SECRET);
});

it('a search does not find repeats of a secret in a custom member', async () => {
  await addJob((own) => serializedParams(own, { tenant_token: SECRET, arguments: [SECRET] }));
  for (const q of [SECRET.slice(0, 6), `error:${SECRET}`, `label:${SECRET.slice(0, 4)}*`]) {
    expect((await listJobs(console_.ctx(), filterOf({ q }))).rows, q).toEqual([]);
    const counts = await countTabs(console_.ctx(), filterOf({ q }));
    expect(JSON.stringify(counts), q).not.toMatch(/"count":[1-9]/);
  }
  expect((await listJobs(console_.ctx(), filterOf({ q: 'error:refused' }))).rows).toHaveLength(1);
});

it('redacts nothing for ordinary custom members', async () => {
  const id = await addJob((own) => serializedParams(own, { tenant: 'acme', trace: { id: 'abc' } }));
  expect((await listJobs(console_.ctx(), filterOf({}))).rows[0]?.error).toContain(SECRET);
  expect(await outputsOf(id)).toContain(SECRET);
});

it('does not print an attempt number with thousands of digits', async () => {
  const id = randomUUID();
  await insertJob(console_.client, { id, ...DISCARDED });
  for (const executions of ['1e131071', '0e-16383', '2', '1.5'])
    await insertExecution(console_.client, id, {
      serialized_params: serializedParams(id).replace(
        '"executions":0',
        `"executions":${executions}`,
      ),
      created_at: new Date(Date.now() - 1_000),
    });
  const numbers = (await listExecutions(console_.ctx(), id)).map(({ number }) => number);
  expect(numbers).toHaveLength(4);
  expect(numbers).toEqual(expect.arrayContaining([null, 1, 3, 2.5]));
});
