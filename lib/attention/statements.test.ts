import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countStatements } from '../../test/harness/count-statements';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  insertProcess,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { expireAfterWrite } from '../core/process-state';
import { cachedAttentionCount, findAttention, getAttention } from './queries';

let testConsole: TestConsole;
let folder: string;
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const HOUR = 3_600;

beforeAll(async () => {
  testConsole = await TestConsole.open('attention statements');
  folder = await mkdtemp(path.join(tmpdir(), 'attention-'));
  await writeFile(
    path.join(folder, 'cron.yml'),
    'every_minute:\n  cron: "* * * * *"\n  class: ReportJob\n',
  );
  Object.assign(process.env, {
    DATABASE_URL: testConsole.url,
    CRON_FILE: path.join(folder, 'cron.yml'),
  });
  await insertRowsForFindings();
});
afterAll(async () => {
  await testConsole.close();
  await rm(folder, { recursive: true });
});

/** Rows for every kind of finding, except stale statistics and stalled runs. */
async function insertRowsForFindings(): Promise<void> {
  const { client } = testConsole;
  const batch = await insertBatch(client, { enqueued_at: ago(HOUR) });
  await insertJob(client, { ...SUCCEEDED, batch_id: batch });
  const dead = await insertProcess(client, { lock_type: null, updated_at: ago(HOUR) });
  const running = { ...RUNNING, performed_at: ago(HOUR), locked_at: ago(HOUR) };
  await insertJob(client, { ...running, lock_type: 1, locked_by_id: dead });
  await insertJob(client, { ...running, lock_type: 1, locked_by_id: null });
  await insertProcess(client, {
    lock_type: null,
    created_at: ago(3 * HOUR),
    updated_at: new Date().toISOString(),
    state: JSON.stringify({ cron_enabled: true, schedulers: [{ queues: 'late,paused' }] }),
  });
  await insertJob(client, { ...SUCCEEDED, finished_at: ago(2 * HOUR) });
  await insertJob(client, { queue_name: 'nobody', scheduled_at: ago(HOUR) });
  await insertJob(client, { queue_name: 'late', scheduled_at: ago(HOUR) });
  await insertJob(client, { queue_name: 'paused', scheduled_at: ago(HOUR) });
  await client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
     VALUES (now() - interval '1 day', now() - interval '1 day',
             'pauses', '{"queues": ["paused"]}')`,
  );
  for (let n = 0; n < 8; n += 1)
    await insertJob(client, { ...DISCARDED, job_class: 'BrokenJob', finished_at: ago(60 + n) });
  await insertJob(client, {
    ...DISCARDED,
    job_class: 'CallbackJob',
    batch_callback_id: batch,
    finished_at: ago(60),
  });
}

it('runs all checks with at most 20 statements even if every one has a finding', async () => {
  const counted = countStatements(testConsole.db);
  const { checks } = await findAttention(testConsole.ctx({ db: counted.db, bulkRuns: false }));
  const kinds = checks.flatMap(({ kind, result }) => (result === 'found' ? [kind] : []));
  expect(kinds.sort()).toEqual([
    'discarded_callbacks',
    'failing_classes',
    'hanging_batches',
    'interrupted_jobs',
    'late_jobs',
    'lost_jobs',
    'overdue_cron',
    'paused_jobs',
    'schema_gaps',
    'unserved_queues',
  ]);
  expect(counted.statements.length).toBeLessThanOrEqual(20);
});

it('shares one search between all viewers and the count in the navigation', async () => {
  expireAfterWrite(testConsole.ctx().tables.schema.identity);
  const counted = countStatements(testConsole.db);
  const ctx = testConsole.ctx({ db: counted.db });
  await Promise.all(Array.from({ length: 20 }, () => getAttention(ctx)));
  const first = counted.statements.length;
  expect(first).toBeLessThanOrEqual(20);
  await getAttention(ctx);
  await cachedAttentionCount(ctx);
  expect(counted.statements).toHaveLength(first);
});
