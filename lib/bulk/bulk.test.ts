import { afterAll, beforeAll, expect, test } from 'vitest';
import { DISCARDED, insertJob, params } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { previewBulk } from './preview';
import { getRun, listSamples } from './queries';
import { workOn } from './runner';
import { startBulk } from './start';

let gj: TestConsole;
beforeAll(async () => {
  gj = await TestConsole.open('bulk');
});
afterAll(() => gj.close());

test('smoke', async () => {
  for (let i = 0; i < 3; i++) await insertJob(gj.client, DISCARDED);
  await gj.client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, job_class, serialized_params, created_at, updated_at, scheduled_at, performed_at, finished_at, error, error_event)
     SELECT id, id, 'default', 'TestJob', $1, now(), now(), now(), now(), now(), 'RuntimeError: boom', 1 FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 20000)) ids`,
    [params('x')],
  );
  const ctx = gj.ctx();
  const target = { kind: 'filter' as const, query: 'state=discarded', batchId: null };
  const preview = await previewBulk(ctx, 'retry', target);
  console.log(preview);
  const t = Date.now();
  const started = await startBulk(ctx, { action: 'retry', target, scheduledAt: null, cutOff: preview.cutOff, expected: preview.total, typed: preview.total.count });
  console.log(started, Date.now() - t);
  if (started.kind !== 'started') throw new Error();
  await workOn(started.runId)?.ended;
  console.log(Date.now() - t, await getRun(ctx, started.runId), (await listSamples(ctx, started.runId)).length);
  expect((await gj.client.query('select count(*)::int n, sum((serialized_params->>\'executions\')::int)::int e from good_jobs where finished_at is null')).rows).toEqual([{ n: 20003, e: 20003 }]);
  console.log((await gj.client.query('select * from good_job_console.audit_events')).rows);
});
