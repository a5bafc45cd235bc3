import { createHash, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
  serializedParams,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { findAttention } from '../attention/queries';
import { expireAfterWrite } from '../core/process-state';
import { listCronEntries } from '../cron/entries';
import { parseFailureFilter } from '../failures/filters';
import { listFailures } from '../failures/queries';
import { chartOfList } from '../jobs/chart';
import { getJob } from '../jobs/detail';
import { listExecutions } from '../jobs/executions';
import { exportJobs } from '../jobs/export';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { getRawJob } from '../jobs/raw';
import { loadColumns } from '../jobs/rows';
import { completeQuery } from '../jobs/suggestions';
import { countQueues } from '../metrics/metrics';
import { parsePerformanceFilter } from '../performance/filters';
import { measure } from '../performance/queries';
import { listProcesses, parseProcessFilter } from '../processes/queries';
import { parseQueueFilter } from '../queues/filters';
import { listQueues } from '../queues/queries';
import { REDACTION_MARKER } from './redaction';

const SECRET = 'zq7kxw9vjt3m';
let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('everywhere');
  process.env.DATABASE_URL ??= testConsole.url;
});
afterAll(() => testConsole.close());
afterEach(async () => {
  await testConsole.client.query(
    'TRUNCATE good_jobs, good_job_executions, good_job_batches, good_job_processes, good_job_settings',
  );
  expireAfterWrite(testConsole.ctx().tables.schema.identity);
});

const jobFilter = (q = '') => parseJobFilter(new URLSearchParams({ q }));
const failureGroups = async () =>
  (await listFailures(testConsole.ctx(), parseFailureFilter(new URLSearchParams()), 5_000)).groups;
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
async function insert(args: unknown, columns: Record<string, unknown> = {}): Promise<string> {
  const id = randomUUID();
  return insertJob(testConsole.client, {
    id,
    job_class: 'EchoJob',
    ...columns,
    serialized_params: serializedParams(id, { job_class: 'EchoJob', arguments: args as unknown[] }),
  });
}

test('the attention page redacts errors, repeats of hidden arguments, and batch descriptions', async () => {
  const batch = await insertBatch(testConsole.client, {
    description: `sync password=${SECRET} of ${SECRET}`,
    serialized_properties: JSON.stringify({ api_key: SECRET }),
    enqueued_at: ago(7_200),
    jobs_finished_at: ago(3_600),
    on_finish: 'DoneJob',
  });
  for (let n = 0; n < 6; n += 1)
    await insert([{ token: SECRET }], {
      ...DISCARDED,
      batch_callback_id: batch,
      finished_at: ago(60),
      error: `Login: ${SECRET} was refused`,
    });
  // The failing-classes check needs proof that successful jobs are retained.
  await insertJob(testConsole.client, {
    ...SUCCEEDED,
    job_class: 'OtherJob',
    finished_at: ago(3_600),
  });
  const { checks } = await findAttention(testConsole.ctx());
  const findings = checks.flatMap((check) => (check.result === 'found' ? [check.finding] : []));
  expect(findings.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['hanging_batches', 'failing_classes', 'discarded_callbacks']),
  );
  expect(JSON.stringify(findings)).not.toContain(SECRET);
  expect(JSON.stringify(findings)).toContain(`Login: ${REDACTION_MARKER} was refused`);
  expect(JSON.stringify(findings)).toContain(`sync password=${REDACTION_MARKER}`);
});

test('the attention page shows no part of a secret that an excerpt truncates', async () => {
  const error = `E: ${'x'.repeat(290)} ${SECRET} y`;
  for (let n = 0; n < 6; n += 1)
    await insert([{ token: SECRET }], { ...DISCARDED, finished_at: ago(60), error });
  await insertJob(testConsole.client, {
    ...SUCCEEDED,
    job_class: 'OtherJob',
    finished_at: ago(3_600),
  });
  const { checks } = await findAttention(testConsole.ctx());
  expect(JSON.stringify(checks)).toContain('"failing_classes","result":"found"');
  expect(JSON.stringify(checks)).not.toContain(SECRET.slice(0, 4));
});

test('a failure group redacts its frame, queues, samples and error', async () => {
  const id = await insert([{ token: SECRET }], {
    ...DISCARDED,
    queue_name: `tenant-${SECRET}`,
    error: `Login: ${SECRET} was refused`,
  });
  await insertExecution(testConsole.client, id, {
    error: 'Login: x',
    error_backtrace: [`app/x.rb:1:in 'login' ${'y'.repeat(480)} password=${SECRET} ${SECRET}`],
    finished_at: new Date(),
  });
  const [group] = await failureGroups();
  expect(JSON.stringify(group)).not.toContain(SECRET.slice(0, 4));
  expect(group).toMatchObject({
    jobClass: 'EchoJob',
    queues: [`tenant-${REDACTION_MARKER}`],
    samples: [{ error: `Login: ${REDACTION_MARKER} was refused` }],
  });
});

test('a failure fingerprint cannot be used to guess a word that the arguments hide', async () => {
  const jobClass = 'EchoJob';
  const error = 'Login: correcthorse was refused';
  await insert([{ password: 'correcthorse' }], { ...DISCARDED, error });
  const [group] = await failureGroups();
  expect(group?.error).toBe(`Login: ${REDACTION_MARKER} was refused`);
  expect(group?.fingerprint).not.toBe(
    createHash('sha256')
      .update(JSON.stringify([jobClass, error, null]))
      .digest('hex')
      .slice(0, 16),
  );
});

test('a process redacts its title and its scheduler names', async () => {
  await insertProcess(testConsole.client, {
    state: JSON.stringify({
      hostname: 'h',
      pid: 1,
      proctitle: `/usr/bin/worker --token=${SECRET}/a`,
      schedulers: [{ name: `GoodJob::Scheduler(queues=a,password=${SECRET} max_threads=5)` }],
    }),
  });
  const { rows } = await listProcesses(
    testConsole.ctx(),
    parseProcessFilter(new URLSearchParams()),
  );
  expect(rows[0]?.reportedState?.hostname).toBe('h');
  expect(JSON.stringify(rows)).not.toContain(SECRET);
});

test('queues, labels and keys are redacted in lists, columns, job pages, exports and suggestions', async () => {
  const names = {
    queue_name: `tenant-${SECRET}`,
    labels: [SECRET, 'plain'],
    cron_key: `sync-${SECRET}`,
    concurrency_key: `k-${SECRET}`,
  };
  const id = await insert([{ token: SECRET }], names);
  const other = await insert(['nothing'], {
    queue_name: `password=${SECRET}`,
    cron_key: `x?token=${SECRET}`,
    cron_at: ago(60),
  });
  const list = await listJobs(testConsole.ctx(), jobFilter());
  expect(list.rows.find((row) => row.id === id)).toMatchObject({
    jobClass: 'EchoJob',
    queueName: `tenant-${REDACTION_MARKER}`,
    labels: [REDACTION_MARKER, 'plain'],
  });
  expect(list.rows.find((row) => row.id === other)?.queueName).toBe(`password=${REDACTION_MARKER}`);
  const output: unknown[] = [
    list,
    await loadColumns(testConsole.ctx(), list.rows, ['cron']),
    await getJob(testConsole.ctx(), id),
    await getRawJob(testConsole.ctx(), id),
  ];
  for await (const part of exportJobs(testConsole.ctx(), jobFilter(), 'csv')) output.push(part);
  expect(JSON.stringify(output)).not.toContain(SECRET);
  const lists = [
    await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams())),
    await listCronEntries(testConsole.ctx(), null),
    await completeQuery(testConsole.ctx(), { text: 'queue:pass', at: 10 }),
  ];
  expect(JSON.stringify(lists)).not.toContain(`password=${SECRET}`);
  expect(JSON.stringify(lists)).not.toContain(`token=${SECRET}`);
});

test('aggregate pages and their links redact queues and cron keys that repeat hidden arguments', async () => {
  const due = { created_at: ago(7_200), scheduled_at: ago(7_200) };
  for (let n = 0; n < 2; n += 1)
    await insert([{ token: SECRET }], {
      ...due,
      queue_name: `tenant-${SECRET}`,
      cron_key: `sync-${SECRET}`,
      cron_at: ago(60 + n),
    });
  await insert([], { ...due, queue_name: `q?api_token=${SECRET}` });
  await insert([{ session: 'mails' }], { ...due, queue_name: 'mails' });
  const plain = await insert([], { ...due, queue_name: 'mails' });
  await insertExecution(testConsole.client, plain, {
    job_class: 'EchoJob',
    queue_name: `tenant-${SECRET}`,
    created_at: ago(60),
    finished_at: ago(50),
    duration: '10 s',
    serialized_params: '{}',
  });
  const { checks } = await findAttention(testConsole.ctx());
  const performance = (jobClass?: string) =>
    measure(testConsole.ctx(), parsePerformanceFilter(new URLSearchParams()), jobClass);
  const output = {
    checks,
    cron: await listCronEntries(testConsole.ctx(), null),
    queues: await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams())),
    chart: await chartOfList(testConsole.ctx(), jobFilter(), { range: 'day', by: 'queue' }),
    metrics: await countQueues(testConsole.ctx()),
    all: await performance(),
    one: await performance('EchoJob'),
  };
  for (const [name, part] of Object.entries(output))
    expect(decodeURIComponent(JSON.stringify(part)), name).not.toContain(SECRET);
  expect(checks.flatMap((check) => (check.result === 'found' ? [check.kind] : []))).toContain(
    'unserved_queues',
  );
  expect(output.queues.rows.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'mails',
      `tenant-${REDACTION_MARKER}`,
      `q?api_token=${REDACTION_MARKER}`,
    ]),
  );
  expect(output.chart.series.map(({ name }) => name)).toContain(`tenant-${REDACTION_MARKER}`);
  expect(output.cron.rows.map(({ key }) => key)).toEqual([`sync-${REDACTION_MARKER}`]);
  expect(output.all.now.queues.map(({ name }) => name)).toEqual([`tenant-${REDACTION_MARKER}`]);
  expect(output.metrics).toMatchObject({ omitted: 2, oldestReady: [{ queue: 'mails' }] });
});

test('cursors of the cron list neither contain a hidden key nor allow guessing it', async () => {
  for (let n = 0; n < 55; n += 1)
    await insert([], {
      cron_key: `a${String(n).padStart(2, '0')}?token=${SECRET}`,
      cron_at: ago(60),
    });
  const first = await listCronEntries(testConsole.ctx(), null);
  expect([first.rows.length, first.next]).toEqual([50, `a49?token=${REDACTION_MARKER}`]);
  expect((await listCronEntries(testConsole.ctx(), first.next)).rows.map(({ key }) => key)).toEqual(
    [50, 51, 52, 53, 54].map((n) => `a${n}?token=${REDACTION_MARKER}`),
  );
  const firstKeyAfter = async (guess: string) =>
    (await listCronEntries(testConsole.ctx(), guess)).rows[0]?.key;
  expect(await firstKeyAfter('a10?token=zq')).toBe(await firstKeyAfter('a10?token=zz'));
});

test.each([1_000, 3_000, 6_000])(
  'a job with arguments nested %i deep is listed with its texts hidden',
  async (depth) => {
    const nested = `${'['.repeat(depth)}{"token":"${SECRET}"}${']'.repeat(depth)}`;
    const id = randomUUID();
    await insertJob(testConsole.client, {
      id,
      ...DISCARDED,
      job_class: 'DeepJob',
      error: `Login: ${SECRET} refused`,
      labels: ['plain'],
      serialized_params: `{"job_class":"DeepJob","job_id":"${id}","arguments":[${nested}]}`,
    });
    await insertExecution(testConsole.client, id, {
      error: `Login: ${SECRET} refused`,
      error_backtrace: [`app/x.rb ${SECRET}`],
      serialized_params: `{"job_class":"DeepJob","job_id":"${id}","arguments":[${nested}]}`,
    });
    const plain = await insert(['ordinary'], { ...DISCARDED, error: 'E: ordinary' });
    const list = await listJobs(testConsole.ctx(), jobFilter());
    // The deepest JSON counts as large and is not searched, so not even a negated term matches it.
    const isSearched = depth < 6_000;
    expect((await listJobs(testConsole.ctx(), jobFilter('-nowhere'))).unsearched).toBe(
      isSearched ? 0 : 1,
    );
    expect(list.rows.find((row) => row.id === id)).toMatchObject({
      jobClass: 'DeepJob',
      error: REDACTION_MARKER,
      labels: [REDACTION_MARKER],
    });
    expect(list.rows.find((row) => row.id === plain)?.error).toBe('E: ordinary');
    for (const q of ['ordinary', 'refused', 'args.0.x:1', '-nowhere'])
      expect((await listJobs(testConsole.ctx(), jobFilter(q))).rows.length, q).toBe(
        { ordinary: 1, refused: 0, 'args.0.x:1': 0 }[q] ?? (isSearched ? 2 : 1),
      );
    const output: unknown[] = [
      list,
      await getJob(testConsole.ctx(), id),
      await listExecutions(testConsole.ctx(), id),
      await getRawJob(testConsole.ctx(), id),
      await failureGroups(),
      (await findAttention(testConsole.ctx())).checks,
    ];
    for (const format of ['csv', 'ndjson'] as const)
      for await (const part of exportJobs(testConsole.ctx(), jobFilter(), format))
        output.push(part);
    expect(JSON.stringify(output)).not.toContain(SECRET);
  },
);

test('redaction never splits a surrogate pair, which Postgres would reject', async () => {
  const id = await insert([{ password: 'x😀😁😂🤣😃x😀😁' }, 'x😀😁😂🤣😈'], {
    ...DISCARDED,
    error: 'E: emo x😀😁😂🤣😈 done',
  });
  expect((await listJobs(testConsole.ctx(), jobFilter('emo'))).rows.map((row) => row.id)).toEqual([
    id,
  ]);
  expect((await getJob(testConsole.ctx(), id))?.error).toMatch(/^[^\p{Cs}]*$/u);
});
