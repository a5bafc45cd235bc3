import { createHash, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
  params,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { findAttention } from '../attention/queries';
import { expireAfterWrite } from '../core/process-cache';
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
import { withColumns } from '../jobs/rows';
import { completeQuery } from '../jobs/suggestions';
import { countQueues } from '../metrics/job-numbers';
import { parsePerformanceFilter } from '../performance/filters';
import { measure } from '../performance/queries';
import { listProcesses, parseProcessFilter } from '../processes/queries';
import { parseQueueFilter } from '../queues/filters';
import { listQueues } from '../queues/queries';
import { HIDDEN } from './redaction';

const S = 'zq7kxw9vjt3m';
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

const asked = (q = '') => parseJobFilter(new URLSearchParams({ q }));
const failures = async () =>
  (await listFailures(testConsole.ctx(), parseFailureFilter(new URLSearchParams()), 5_000)).groups;
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
async function insert(args: unknown, columns: Record<string, unknown> = {}): Promise<string> {
  const id = randomUUID();
  return insertJob(testConsole.client, {
    id,
    job_class: 'EchoJob',
    ...columns,
    serialized_params: params(id, { job_class: 'EchoJob', arguments: args as unknown[] }),
  });
}

test('the attention page shows no secret of an error, of the arguments that it repeats, or of a description', async () => {
  const batch = await insertBatch(testConsole.client, {
    description: `sync password=${S} of ${S}`,
    serialized_properties: JSON.stringify({ api_key: S }),
    enqueued_at: ago(7_200),
    jobs_finished_at: ago(3_600),
    on_finish: 'DoneJob',
  });
  for (let n = 0; n < 6; n += 1)
    await insert([{ token: S }], {
      ...DISCARDED,
      batch_callback_id: batch,
      finished_at: ago(60),
      error: `Login: ${S} was refused`,
    });
  // Successes are kept.
  await insertJob(testConsole.client, {
    ...SUCCEEDED,
    job_class: 'OtherJob',
    finished_at: ago(3_600),
  });
  const { checks } = await findAttention(testConsole.ctx());
  const found = checks.flatMap((check) => (check.result === 'found' ? [check.finding] : []));
  expect(found.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['hanging_batches', 'failing_classes', 'discarded_callbacks']),
  );
  expect(JSON.stringify(found)).not.toContain(S);
  expect(JSON.stringify(found)).toContain(`Login: ${HIDDEN} was refused`);
  expect(JSON.stringify(found)).toContain(`sync password=${HIDDEN}`);
});

test('nor a cut that an excerpt makes in the middle of one', async () => {
  const error = `E: ${'x'.repeat(290)} ${S} y`;
  for (let n = 0; n < 6; n += 1)
    await insert([{ token: S }], { ...DISCARDED, finished_at: ago(60), error });
  await insertJob(testConsole.client, {
    ...SUCCEEDED,
    job_class: 'OtherJob',
    finished_at: ago(3_600),
  });
  const { checks } = await findAttention(testConsole.ctx());
  expect(JSON.stringify(checks)).toContain('"failing_classes","result":"found"');
  expect(JSON.stringify(checks)).not.toContain(S.slice(0, 4));
});

test('a group of failures shows no secret in its frame, queues, samples or error', async () => {
  const id = await insert([{ token: S }], {
    ...DISCARDED,
    queue_name: `tenant-${S}`,
    error: `Login: ${S} was refused`,
  });
  await insertExecution(testConsole.client, id, {
    error: 'Login: x',
    error_backtrace: [`app/x.rb:1:in 'login' ${'y'.repeat(480)} password=${S} ${S}`],
    finished_at: new Date(),
  });
  const [group] = await failures();
  expect(JSON.stringify(group)).not.toContain(S.slice(0, 4));
  expect(group).toMatchObject({
    jobClass: 'EchoJob',
    queues: [`tenant-${HIDDEN}`],
    samples: [{ error: `Login: ${HIDDEN} was refused` }],
  });
});

test('nobody can try guesses of a word that the arguments hide on the fingerprint of a group', async () => {
  const [jobClass, error] = ['EchoJob', 'Login: correcthorse was refused'];
  await insert([{ password: 'correcthorse' }], { ...DISCARDED, error });
  const [group] = await failures();
  expect(group?.error).toBe(`Login: ${HIDDEN} was refused`);
  expect(group?.fingerprint).not.toBe(
    createHash('sha256')
      .update(JSON.stringify([jobClass, error, null]))
      .digest('hex')
      .slice(0, 16),
  );
});

test('a process shows none in its title or names', async () => {
  await insertProcess(testConsole.client, {
    state: JSON.stringify({
      hostname: 'h',
      pid: 1,
      proctitle: `/usr/bin/worker --token=${S}/a`,
      schedulers: [{ name: `GoodJob::Scheduler(queues=a,password=${S} max_threads=5)` }],
    }),
  });
  const { rows } = await listProcesses(
    testConsole.ctx(),
    parseProcessFilter(new URLSearchParams()),
  );
  expect(rows[0]?.told?.hostname).toBe('h');
  expect(JSON.stringify(rows)).not.toContain(S);
});

test('names repeat none, on the list, its columns, the page of the job and in its export; those that hold one are shown nowhere', async () => {
  const own = {
    queue_name: `tenant-${S}`,
    labels: [S, 'plain'],
    cron_key: `sync-${S}`,
    concurrency_key: `k-${S}`,
  };
  const id = await insert([{ token: S }], own);
  const other = await insert(['nothing'], {
    queue_name: `password=${S}`,
    cron_key: `x?token=${S}`,
    cron_at: ago(60),
  });
  const list = await listJobs(testConsole.ctx(), asked());
  expect(list.rows.find((row) => row.id === id)).toMatchObject({
    jobClass: 'EchoJob',
    queueName: `tenant-${HIDDEN}`,
    labels: [HIDDEN, 'plain'],
  });
  expect(list.rows.find((row) => row.id === other)?.queueName).toBe(`password=${HIDDEN}`);
  const shown: unknown[] = [
    list,
    await withColumns(testConsole.ctx(), list.rows, ['cron']),
    await getJob(testConsole.ctx(), id),
    await getRawJob(testConsole.ctx(), id),
  ];
  for await (const part of exportJobs(testConsole.ctx(), asked(), 'csv')) shown.push(part);
  expect(JSON.stringify(shown)).not.toContain(S);
  const names = [
    await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams())),
    await listCronEntries(testConsole.ctx(), null),
    await completeQuery(testConsole.ctx(), { text: 'queue:pass', at: 10 }),
  ];
  expect(JSON.stringify(names)).not.toContain(`password=${S}`);
  expect(JSON.stringify(names)).not.toContain(`token=${S}`);
});

test('a queue or cron key that the arguments of its jobs hide is shown by no page that gathers jobs, and by no link', async () => {
  const due = { created_at: ago(7_200), scheduled_at: ago(7_200) };
  for (let n = 0; n < 2; n += 1)
    await insert([{ token: S }], {
      ...due,
      queue_name: `tenant-${S}`,
      cron_key: `sync-${S}`,
      cron_at: ago(60 + n),
    });
  await insert([], { ...due, queue_name: `q?api_token=${S}` });
  await insert([{ session: 'mails' }], { ...due, queue_name: 'mails' });
  const plain = await insert([], { ...due, queue_name: 'mails' });
  await insertExecution(testConsole.client, plain, {
    job_class: 'EchoJob',
    queue_name: `tenant-${S}`,
    created_at: ago(60),
    finished_at: ago(50),
    duration: '10 s',
    serialized_params: '{}',
  });
  const { checks } = await findAttention(testConsole.ctx());
  const performance = (jobClass?: string) =>
    measure(testConsole.ctx(), parsePerformanceFilter(new URLSearchParams()), jobClass);
  const shown = {
    checks,
    cron: await listCronEntries(testConsole.ctx(), null),
    queues: await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams())),
    chart: await chartOfList(testConsole.ctx(), asked(), { range: 'day', by: 'queue' }),
    metrics: await countQueues(testConsole.ctx()),
    all: await performance(),
    one: await performance('EchoJob'),
  };
  for (const [name, part] of Object.entries(shown))
    expect(decodeURIComponent(JSON.stringify(part)), name).not.toContain(S);
  expect(checks.flatMap((check) => (check.result === 'found' ? [check.kind] : []))).toContain(
    'unserved_queues',
  );
  expect(shown.queues.rows.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['mails', `tenant-${HIDDEN}`, `q?api_token=${HIDDEN}`]),
  );
  expect(shown.chart.series.map(({ name }) => name)).toContain(`tenant-${HIDDEN}`);
  expect(shown.cron.rows.map(({ key }) => key)).toEqual([`sync-${HIDDEN}`]);
  expect(shown.all.now.queues.map(({ name }) => name)).toEqual([`tenant-${HIDDEN}`]);
  expect(shown.metrics).toMatchObject({ omitted: 2, oldestReady: [{ queue: 'mails' }] });
});

test('a hidden cron key cannot be told by the pages that begin behind a guess, nor is it in their links', async () => {
  for (let n = 0; n < 55; n += 1)
    await insert([], { cron_key: `a${String(n).padStart(2, '0')}?token=${S}`, cron_at: ago(60) });
  const first = await listCronEntries(testConsole.ctx(), null);
  expect([first.rows.length, first.next]).toEqual([50, `a49?token=${HIDDEN}`]);
  expect((await listCronEntries(testConsole.ctx(), first.next)).rows.map(({ key }) => key)).toEqual(
    [50, 51, 52, 53, 54].map((n) => `a${n}?token=${HIDDEN}`),
  );
  const behind = async (guess: string) =>
    (await listCronEntries(testConsole.ctx(), guess)).rows[0]?.key;
  expect(await behind('a10?token=zq')).toBe(await behind('a10?token=zz'));
});

test.each([1_000, 3_000, 6_000])(
  'arguments that are nested %i deep break nothing, and their job shows no error',
  async (depth) => {
    const nested = `${'['.repeat(depth)}{"token":"${S}"}${']'.repeat(depth)}`;
    const id = randomUUID();
    await insertJob(testConsole.client, {
      id,
      ...DISCARDED,
      job_class: 'DeepJob',
      error: `Login: ${S} refused`,
      labels: ['plain'],
      serialized_params: `{"job_class":"DeepJob","job_id":"${id}","arguments":[${nested}]}`,
    });
    await insertExecution(testConsole.client, id, {
      error: `Login: ${S} refused`,
      error_backtrace: [`app/x.rb ${S}`],
      serialized_params: `{"job_class":"DeepJob","job_id":"${id}","arguments":[${nested}]}`,
    });
    const plain = await insert(['ordinary'], { ...DISCARDED, error: 'E: ordinary' });
    const list = await listJobs(testConsole.ctx(), asked());
    // Deeper JSON is large: a negated term does not match it either, and the page says that it was not searched.
    const isSearched = depth < 6_000;
    expect((await listJobs(testConsole.ctx(), asked('-nowhere'))).unsearched).toBe(
      isSearched ? 0 : 1,
    );
    expect(list.rows.find((row) => row.id === id)).toMatchObject({
      jobClass: 'DeepJob',
      error: HIDDEN,
      labels: [HIDDEN],
    });
    expect(list.rows.find((row) => row.id === plain)?.error).toBe('E: ordinary');
    for (const q of ['ordinary', 'refused', 'args.0.x:1', '-nowhere'])
      expect((await listJobs(testConsole.ctx(), asked(q))).rows.length, q).toBe(
        { ordinary: 1, refused: 0, 'args.0.x:1': 0 }[q] ?? (isSearched ? 2 : 1),
      );
    const shown: unknown[] = [
      list,
      await getJob(testConsole.ctx(), id),
      await listExecutions(testConsole.ctx(), id),
      await getRawJob(testConsole.ctx(), id),
      await failures(),
      (await findAttention(testConsole.ctx())).checks,
    ];
    for (const format of ['csv', 'ndjson'] as const)
      for await (const part of exportJobs(testConsole.ctx(), asked(), format)) shown.push(part);
    expect(JSON.stringify(shown)).not.toContain(S);
  },
);

test('half of a character is never hidden: what is searched must be what Postgres takes', async () => {
  const id = await insert([{ password: 'x😀😁😂🤣😃x😀😁' }, 'x😀😁😂🤣😈'], {
    ...DISCARDED,
    error: 'E: emo x😀😁😂🤣😈 done',
  });
  expect((await listJobs(testConsole.ctx(), asked('emo'))).rows.map((row) => row.id)).toEqual([id]);
  expect((await getJob(testConsole.ctx(), id))?.error).toMatch(/^[^\p{Cs}]*$/u);
});
