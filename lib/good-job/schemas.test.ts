import { afterEach, describe, expect, it } from 'vitest';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  insertProcess,
  readRow,
} from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { retryBatch } from '../batches/mutations';
import { changeJobs } from '../jobs/mutations';

let testConsole: TestConsole;
afterEach(() => testConsole.close());

const TABLES = [
  'good_jobs',
  'good_job_batches',
  'good_job_executions',
  'good_job_processes',
  'good_job_settings',
];
/** Apps may create GoodJob's tables with timestamptz columns. */
const TO_TIMESTAMPTZ = `DO $$ DECLARE c record; BEGIN
  FOR c IN
    SELECT table_name, column_name
      FROM information_schema.columns
     WHERE table_schema = current_schema()
       AND table_name IN (${TABLES.map((table) => `'${table}'`).join(', ')})
       AND data_type LIKE 'timestamp%'
  LOOP
    EXECUTE format(
      'ALTER TABLE %I ALTER COLUMN %I TYPE timestamptz USING %I AT TIME ZONE ''UTC''',
      c.table_name, c.column_name, c.column_name);
  END LOOP; END $$`;
const TOKYO = `DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET timezone TO ''Asia/Tokyo''', current_database());
END $$`;

const microsecondsOf = (at: unknown) =>
  `to_char(${String(at)}, 'YYYY-MM-DD"T"HH24:MI:SS.US"000Z"')`;

/** Whether a time is within a minute of the database's clock. */
const isNow = (at: string) =>
  `abs(extract(epoch FROM clock_timestamp() - ${at}::timestamptz)) < 60`;

describe.each([
  ['timestamp', []],
  ['timestamptz', [TO_TIMESTAMPTZ]],
])('columns of type %s in a database whose time zone is Tokyo', (_, statements) => {
  it('writes the current instant in every action', async () => {
    testConsole = await TestConsole.open('time zones', { sql: [TOKYO, ...statements] });
    const retriedId = await insertJob(testConsole.client, DISCARDED);
    const discardedId = await insertJob(testConsole.client);
    const rescheduledId = await insertJob(testConsole.client);
    await changeJobs(testConsole.ctx(), 'retry', [retriedId]);
    await changeJobs(testConsole.ctx(), 'discard', [discardedId]);
    await changeJobs(testConsole.ctx(), 'reschedule', [rescheduledId], {
      scheduledAt: '2031-02-03T04:05:06.123456Z',
    });
    const { rows } = await testConsole.client.query<Record<string, unknown>>(
      `SELECT ${isNow('r.scheduled_at')} AS retried,
              ${isNow('r.created_at')} AS created,
              ${isNow('d.finished_at')} AS discarded,
              m.scheduled_at::timestamptz = '2031-02-03T04:05:06.123456Z' AS rescheduled,
              r.serialized_params ->> 'scheduled_at'
                = ${microsecondsOf('r.scheduled_at')} AS payload
         FROM good_jobs r, good_jobs d, good_jobs m
        WHERE r.id = $1 AND d.id = $2 AND m.id = $3`,
      [retriedId, discardedId, rescheduledId],
    );
    expect(rows).toEqual([
      { retried: true, created: true, discarded: true, rescheduled: true, payload: true },
    ]);
  });

  it('treats a process as dead after five minutes, whatever the time zone', async () => {
    testConsole = await TestConsole.open('time zones', { sql: [TOKYO, ...statements] });
    for (const [seconds, outcome] of [
      [60, 'locked'],
      [310, 'done'],
    ] as const) {
      const processId = await insertProcess(testConsole.client, {
        updated_at: new Date(Date.now() - seconds * 1000).toISOString(),
      });
      const id = await insertJob(testConsole.client, {
        ...RUNNING,
        locked_by_id: processId,
        lock_type: 1,
      });
      expect(
        (await changeJobs(testConsole.ctx(), 'discard', [id]))[0]?.outcome,
        `${seconds} s`,
      ).toBe(outcome);
    }
  });

  it('finishes a batch and makes its callbacks due at once', async () => {
    testConsole = await TestConsole.open('time zones', { sql: [TOKYO, ...statements] });
    const batchId = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    await changeJobs(testConsole.ctx(), 'discard', [
      await insertJob(testConsole.client, { batch_id: batchId }),
    ]);
    const { rows } = await testConsole.client.query(
      `SELECT ${isNow('b.jobs_finished_at')} AS finished,
              j.scheduled_at::timestamptz <= clock_timestamp() AS due,
              j.serialized_params ->> 'enqueued_at'
                = ${microsecondsOf('j.created_at')} AS payload
         FROM good_job_batches b
         JOIN good_jobs j ON j.batch_callback_id = b.id
        WHERE b.id = $1`,
      [batchId],
    );
    expect(rows).toEqual([{ finished: true, due: true, payload: true }]);
  });
});

describe('a schema of an older GoodJob', () => {
  it('uses the advisory lock without the column lock_type (before 4.15)', async () => {
    testConsole = await TestConsole.open('no lock type', {
      sql: ['ALTER TABLE good_jobs DROP COLUMN lock_type'],
    });
    const processId = await insertProcess(testConsole.client);
    const worker = await testConsole.session();
    const id = await insertJob(testConsole.client, { ...RUNNING, locked_by_id: processId });
    await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
    expect((await changeJobs(testConsole.ctx(), 'discard', [id]))[0]?.outcome).toBe('locked');
    await worker.query('SELECT pg_advisory_unlock_all()');
    for (const action of ['discard', 'retry', 'reschedule', 'force_discard', 'destroy'] as const)
      expect(await changeJobs(testConsole.ctx(), action, [id]), action).toMatchObject([
        { id, outcome: 'done' },
      ]);
  });

  it('uses finished_at without the column jobs_finished_at (before 4.3)', async () => {
    testConsole = await TestConsole.open('no jobs finished at', {
      sql: [
        'ALTER TABLE good_job_batches DROP COLUMN jobs_finished_at',
        'ALTER TABLE good_jobs DROP COLUMN lock_type',
      ],
    });
    const batchId = await insertBatch(testConsole.client, {
      on_success: 'OnSuccess',
      on_finish: 'OnFinish',
    });
    const id = await insertJob(testConsole.client, { batch_id: batchId });
    await insertJob(testConsole.client, { ...SUCCEEDED, batch_id: batchId });
    const callbacks = async () =>
      (
        await testConsole.client.query<{ job_class: string }>(
          'SELECT job_class FROM good_jobs WHERE batch_callback_id = $1 ORDER BY created_at',
          [batchId],
        )
      ).rows.map((job) => job.job_class);
    await changeJobs(testConsole.ctx(), 'discard', [id]);
    expect(await callbacks()).toEqual(['OnFinish']);
    const finished = await readRow(testConsole.client, 'good_job_batches', batchId);
    expect(finished).toMatchObject({
      discarded_at: expect.any(String) as string,
      finished_at: expect.any(String) as string,
    });
    expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
      outcome: 'done',
      retried: 1,
      events: [],
    });
    expect(await readRow(testConsole.client, 'good_job_batches', batchId)).toMatchObject({
      discarded_at: null,
      finished_at: null,
    });
    await testConsole.client.query(
      'UPDATE good_jobs SET finished_at = now(), error = NULL WHERE id = $1',
      [id],
    );
    expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
      outcome: 'done',
      retried: 0,
      events: ['success', 'finish'],
    });
  });
});

it('works with tables in a schema whose name needs quotes', async () => {
  testConsole = await TestConsole.open('schema', { schema: 'Good "Job"' });
  const batchId = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
  const id = await insertJob(testConsole.client, { batch_id: batchId });
  const worker = await testConsole.session();
  // GoodJob's lock keys do not contain the schema.
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
  expect((await changeJobs(testConsole.ctx(), 'discard', [id]))[0]?.outcome).toBe('locked');
  await worker.query('SELECT pg_advisory_unlock_all()');
  expect(await changeJobs(testConsole.ctx(), 'discard', [id])).toEqual([{ id, outcome: 'done' }]);
  expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
    outcome: 'done',
    retried: 1,
  });
  await changeJobs(testConsole.ctx(), 'discard', [id]);
  expect(await changeJobs(testConsole.ctx(), 'destroy', [id])).toEqual([{ id, outcome: 'done' }]);
});
