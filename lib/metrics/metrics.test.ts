import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DISCARDED, RUNNING, SUCCEEDED, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { MAX_QUEUES, MAX_QUEUE_NAME, countQueues, createRecorder } from './metrics';

process.env.DATABASE_URL ??= 'postgres://localhost/none';
const HOSTILE = 'a"b\\c\n# HELP evil 1\nevil{x="1"} 2 <script>請求';
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('metrics');
  const { client } = testConsole;
  for (let n = 0; n < 3; n += 1)
    await insertJob(client, { queue_name: 'mail', scheduled_at: inMinutes(-10 - n) });
  await insertJob(client, { queue_name: 'mail', scheduled_at: inMinutes(10) });
  await insertJob(client, {
    queue_name: 'mail',
    scheduled_at: inMinutes(10),
    error: 'RuntimeError: again',
  });
  await insertJob(client, { queue_name: 'mail', ...RUNNING, scheduled_at: inMinutes(-600) });
  await insertJob(client, { queue_name: 'mail', ...SUCCEEDED });
  await insertJob(client, { queue_name: 'mail', ...DISCARDED });
  await insertJob(client, { queue_name: 'unset', scheduled_at: null, created_at: inMinutes(-5) });
  await insertJob(client, { queue_name: HOSTILE, ...SUCCEEDED });
  await insertJob(client, { queue_name: null });
});
afterAll(() => testConsole.close());

const text = async () =>
  (await createRecorder(() => Promise.resolve(testConsole.ctx({ role: 'viewer' }))).text()).body;

describe('job metrics', () => {
  it('counts the jobs of each queue by the six states', async () => {
    const { numbers, oldestReady, omitted } = await countQueues(testConsole.ctx());
    const countsOf = (name: string) =>
      Object.fromEntries(
        numbers.filter(({ queue }) => queue === name).map(({ state, count }) => [state, count]),
      );
    const exact = (count: number) => ({ kind: 'exact', count });
    expect(countsOf('mail')).toEqual({
      queued: exact(3),
      scheduled: exact(1),
      retried: exact(1),
      running: exact(1),
      succeeded: exact(1),
      discarded: exact(1),
    });
    expect(countsOf('unset')).toMatchObject({ queued: exact(1), scheduled: exact(0) });
    const ageOf = (name: string) => oldestReady.find(({ queue }) => queue === name)?.seconds ?? -1;
    expect(ageOf('mail')).toBeGreaterThan(12 * 60 - 5);
    expect(ageOf('mail')).toBeLessThan(13 * 60);
    expect(ageOf('unset')).toBeGreaterThan(5 * 60 - 5);
    expect(ageOf(HOSTILE)).toBe(0);
    expect(omitted).toBe(0);
  });

  it('escapes queue names, so that they cannot add lines to /metrics', async () => {
    const lines = (await text()).split('\n');
    expect(lines).toContain('good_job_jobs{state="discarded"} 1');
    expect(lines).toContain('good_job_queue_jobs{queue="mail",state="queued"} 3');
    expect(lines).toContain('good_job_collected{part="queues"} 1');
    expect(lines).toContain(
      String.raw`good_job_queue_jobs{queue="a\"b\\c\n# HELP evil 1\nevil{x=\"1\"} 2 <script>請求",state="succeeded"} 1`,
    );
    expect(lines.filter((line) => !/^(#|\w+(\{.*\})? (-?[\d.e+-]+|Nan)$|$)/.test(line))).toEqual(
      [],
    );
    expect(lines.some((line) => line.startsWith('evil'))).toBe(false);
  });

  it('limits the number of queues with series and counts the omitted queues', async () => {
    const crowded = await TestConsole.open('metrics of many queues');
    for (let n = 0; n < MAX_QUEUES + 5; n += 1)
      await insertJob(crowded.client, { queue_name: `q${String(n).padStart(4, '0')}` });
    await insertJob(crowded.client, { queue_name: `a${'x'.repeat(MAX_QUEUE_NAME)}` });
    const { numbers, oldestReady, omitted } = await countQueues(crowded.ctx());
    expect(new Set(numbers.map(({ queue }) => queue)).size).toBe(MAX_QUEUES);
    expect(oldestReady).toHaveLength(MAX_QUEUES);
    expect(omitted).toBe(6);
    await crowded.close();
  });

  describe('with more queues than the limit', () => {
    let many: TestConsole;
    const insertQueues = (count: number) =>
      many.client.query(
        `INSERT INTO good_jobs (id, active_job_id, queue_name, created_at, updated_at,
                                scheduled_at, serialized_params)
         SELECT i, i, 'q' || lpad(n::text, 5, '0'), now(), now(), now(), '{}'
           FROM (SELECT gen_random_uuid() AS i, n FROM generate_series(1, $1::int) n) j`,
        [count],
      );
    beforeEach(async () => {
      many = await TestConsole.open('metrics of queues by age');
      return () => many.close();
    });

    it('selects the queues with the oldest ready jobs, whatever their names', async () => {
      await insertQueues(300);
      for (let n = 0; n < 50; n += 1)
        await insertJob(many.client, { queue_name: `z${n}`, scheduled_at: inMinutes(-60 - n) });
      const { oldestReady, omitted, omittedAtLeast } = await countQueues(many.ctx());
      expect(oldestReady.slice(0, 50).map(({ queue }) => queue)).toEqual(
        Array.from({ length: 50 }, (_, n) => `z${49 - n}`),
      );
      expect(oldestReady).toHaveLength(MAX_QUEUES);
      expect([omitted, omittedAtLeast]).toEqual([250, false]);
    });

    it('reports the oldest ready job of all queues, even of one without series', async () => {
      await insertJob(many.client, {
        queue_name: 'x'.repeat(MAX_QUEUE_NAME + 1),
        scheduled_at: inMinutes(-90),
      });
      await insertJob(many.client, { scheduled_at: inMinutes(-5) });
      await insertJob(many.client, { ...RUNNING, scheduled_at: inMinutes(-900) });
      const { oldestReadySeconds, omitted } = await countQueues(many.ctx());
      expect(oldestReadySeconds).toBeGreaterThan(90 * 60 - 1);
      expect(oldestReadySeconds).toBeLessThan(91 * 60);
      expect(omitted).toBe(1);
      const body = (await createRecorder(() => Promise.resolve(many.ctx())).text()).body;
      expect(body).toMatch(/^good_job_oldest_ready_seconds 54\d\d/m);
    });

    it('counts omitted queues exactly up to 10,000 queues and marks a lower bound above', async () => {
      await insertQueues(9_999);
      await insertJob(many.client, { queue_name: 'done', ...SUCCEEDED });
      expect(await countQueues(many.ctx())).toMatchObject({
        omitted: 10_000 - MAX_QUEUES,
        omittedAtLeast: false,
      });
      await insertJob(many.client, { queue_name: 'z-worst', scheduled_at: inMinutes(-90) });
      const { omitted, omittedAtLeast, oldestReadySeconds } = await countQueues(many.ctx());
      expect(omitted).toBeGreaterThanOrEqual(10_000 - MAX_QUEUES);
      expect(omittedAtLeast).toBe(true);
      expect(oldestReadySeconds).toBeGreaterThan(90 * 60 - 1);
      const body = (await createRecorder(() => Promise.resolve(many.ctx())).text()).body;
      expect(body).toContain('good_job_queues_omitted_at_least 1');
    });
  });

  it('marks a lower bound for a long queue and omits states with too many finished jobs', async () => {
    const long = await TestConsole.open('metrics of a long queue');
    await long.client.query(`
      INSERT INTO good_jobs (id, active_job_id, queue_name, priority, serialized_params,
                             scheduled_at, performed_at, finished_at, created_at, updated_at)
      SELECT id, id, 'long', 0, '{}', now() - interval '1 hour', done, done, now(), now()
        FROM (SELECT gen_random_uuid() AS id, CASE WHEN n > 10500 THEN now() END AS done
                FROM generate_series(1, 21500) n) n;
      ANALYZE good_jobs`);
    const { numbers } = await countQueues(long.ctx());
    expect(numbers.find(({ state }) => state === 'queued')?.count).toEqual({
      kind: 'at_least',
      count: 10_000,
    });
    expect(numbers.some(({ state }) => state === 'succeeded')).toBe(false);
    const body = (await createRecorder(() => Promise.resolve(long.ctx())).text()).body;
    expect(body).toContain('good_job_queue_jobs_at_least{queue="long",state="queued"} 1');
    await long.close();
  });

  it('omits job metrics if the database is down and still returns the others', async () => {
    const body = (await createRecorder(() => Promise.reject(new Error('down'))).text()).body;
    expect(body).toContain('good_job_collected{part="states"} 0');
    expect(body).toContain('process_resident_memory_bytes');
    expect(body).not.toContain('good_job_jobs{');
  });
});

it('records requests and reads the database once for concurrent scrapes', async () => {
  let reads = 0;
  const recorder = createRecorder(() => {
    reads += 1;
    return Promise.resolve(testConsole.ctx());
  });
  recorder.record('page', 200, 0.03);
  recorder.record('page', null, 0.03);
  const bodies = await Promise.all([recorder.text(), recorder.text(), recorder.text()]);
  expect(bodies[0]?.body).toContain(
    'good_job_console_http_requests_total{route="page",status="200"} 1',
  );
  expect(bodies[0]?.body).toContain(
    'good_job_console_http_requests_total{route="page",status="gone"} 1',
  );
  expect(bodies[0]?.body).toContain(
    'good_job_console_http_request_duration_seconds_bucket{le="0.05",route="page"} 2',
  );
  expect(reads).toBe(1);
});
