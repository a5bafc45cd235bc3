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
import { expireAfterWrite } from '../core/process-cache';
import { attentionCount, findAttention, getAttention } from './queries';

let console_: TestConsole;
let folder: string;
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const HOUR = 3_600;

beforeAll(async () => {
  console_ = await TestConsole.open('attention statements');
  folder = await mkdtemp(path.join(tmpdir(), 'attention-'));
  await writeFile(
    path.join(folder, 'cron.yml'),
    'every_minute:\n  cron: "* * * * *"\n  class: ReportJob\n',
  );
  Object.assign(process.env, {
    DATABASE_URL: console_.url,
    CRON_FILE: path.join(folder, 'cron.yml'),
  });
  await insertEverythingWrong();
});
afterAll(async () => {
  await console_.close();
  await rm(folder, { recursive: true });
});

/** Something for every finding, except those of the catalogue. */
async function insertEverythingWrong(): Promise<void> {
  const { client } = console_;
  const batch = await insertBatch(client, { enqueued_at: ago(HOUR) });
  await insertJob(client, { ...SUCCEEDED, batch_id: batch });
  const dead = await insertProcess(client, { lock_type: null, updated_at: ago(HOUR) });
  const taken = { ...RUNNING, performed_at: ago(HOUR), locked_at: ago(HOUR) };
  await insertJob(client, { ...taken, lock_type: 1, locked_by_id: dead });
  await insertJob(client, { ...taken, lock_type: 1, locked_by_id: null });
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
    `INSERT INTO good_job_settings (created_at, updated_at, key, value) VALUES (now() - interval '1 day', now() - interval '1 day', 'pauses', '{"queues": ["paused"]}')`,
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

it('searches for everything with at most 20 statements when everything is wrong', async () => {
  const counted = countStatements(console_.db);
  const { checks } = await findAttention(console_.ctx({ db: counted.db, bulkRuns: false }));
  const found = checks.flatMap(({ kind, result }) => (result === 'found' ? [kind] : []));
  expect(found.sort()).toEqual([
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

it('costs all viewers together one search, the number in the navigation included', async () => {
  expireAfterWrite(console_.ctx().tables.schema.identity);
  const counted = countStatements(console_.db);
  const ctx = console_.ctx({ db: counted.db });
  await Promise.all(Array.from({ length: 20 }, () => getAttention(ctx)));
  const first = counted.statements.length;
  expect(first).toBeLessThanOrEqual(20);
  await getAttention(ctx);
  await attentionCount(ctx);
  expect(counted.statements).toHaveLength(first);
});
