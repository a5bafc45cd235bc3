import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  insertProcess,
  readRow,
  readRowText,
} from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { openDatabase } from '../db/database';
import { changeJobs } from '../jobs/mutations';
import type { JobAction } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('claim');
});
afterAll(() => testConsole.close());

const LOCKING_ACTIONS: JobAction[] = ['retry', 'discard', 'reschedule', 'destroy'];
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

async function outcomeOf(action: JobAction, id: string): Promise<string | undefined> {
  return (await changeJobs(testConsole.ctx(), action, [id]))[0]?.outcome;
}

describe('changeJobs while a worker holds the job', () => {
  it('returns locked for a skiplocked job while the lock of its process is held', async () => {
    const worker = await testConsole.session();
    const processId = await insertProcess(testConsole.client, {
      lock_type: 0,
      updated_at: ago(3_600_000),
    });
    await worker.query(`SELECT pg_advisory_lock(${lockKey('good_job_processes', processId)})`);
    const id = await insertJob(testConsole.client, {
      ...RUNNING,
      locked_by_id: processId,
      locked_at: ago(1000),
      lock_type: 1,
    });
    const [outcome] = await changeJobs(testConsole.ctx(), 'discard', [id]);
    expect(outcome).toMatchObject({ outcome: 'locked', processId });
    expect(outcome && 'processSeenAt' in outcome && outcome.processSeenAt).toMatch(
      /^\d{4}-.*\.\d{6}Z$/,
    );
    await worker.query('SELECT pg_advisory_unlock_all()');
    expect(await outcomeOf('discard', id)).toBe('done');
  });

  it('returns locked for a skiplocked job if its process was seen in five minutes', async () => {
    for (const [ageMs, outcome] of [
      [0, 'locked'],
      [4 * 60_000 + 50_000, 'locked'],
      [5 * 60_000 + 10_000, 'done'],
    ] as const) {
      const processId = await insertProcess(testConsole.client, {
        lock_type: null,
        updated_at: ago(ageMs),
      });
      const id = await insertJob(testConsole.client, {
        ...RUNNING,
        locked_by_id: processId,
        lock_type: 1,
      });
      expect(await outcomeOf('discard', id), `seen ${ageMs} ms ago`).toBe(outcome);
    }
    const id = await insertJob(testConsole.client, {
      ...RUNNING,
      locked_by_id: randomUUID(),
      lock_type: 1,
    });
    expect(await outcomeOf('discard', id), 'no such process').toBe('done');
  });

  it('rejects retry and destroy while a force-discarded skiplocked job still runs', async () => {
    const processId = await insertProcess(testConsole.client);
    const id = await insertJob(testConsole.client, {
      ...DISCARDED,
      locked_by_id: processId,
      lock_type: 1,
    });
    expect(await outcomeOf('retry', id)).toBe('locked');
    expect(await outcomeOf('destroy', id)).toBe('locked');
  });

  it.each([0, 2, null])('checks only the advisory lock if lock_type is %s', async (lockType) => {
    const processId = await insertProcess(testConsole.client);
    const worker = await testConsole.session();
    for (const action of LOCKING_ACTIONS) {
      const state = action === 'retry' || action === 'destroy' ? DISCARDED : RUNNING;
      const id = await insertJob(testConsole.client, {
        ...state,
        locked_by_id: processId,
        lock_type: lockType,
      });
      await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
      const before = await readRowText(testConsole.client, 'good_jobs', id);
      expect(await outcomeOf(action, id), action).toBe('locked');
      expect(await readRowText(testConsole.client, 'good_jobs', id)).toBe(before);
      await worker.query('SELECT pg_advisory_unlock_all()');
      expect(await outcomeOf(action, id), `${action}, free`).toBe('done');
    }
  });

  it('force-discards a held job and keeps its lock columns', async () => {
    const processId = await insertProcess(testConsole.client);
    const worker = await testConsole.session();
    const id = await insertJob(testConsole.client, {
      ...RUNNING,
      locked_by_id: processId,
      locked_at: ago(5000),
      lock_type: 1,
    });
    await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
    const before = await readRow(testConsole.client, 'good_jobs', id);
    expect(await outcomeOf('force_discard', id)).toBe('done');
    const after = await readRow(testConsole.client, 'good_jobs', id);
    const changed = Object.keys(after).filter(
      (column) => JSON.stringify(after[column]) !== JSON.stringify(before[column]),
    );
    expect(changed.sort()).toEqual(['error', 'error_event', 'finished_at', 'updated_at']);
    expect(after.error).toBe('GoodJob::Job::DiscardJobError: Force discarded through dashboard');
    await worker.query('SELECT pg_advisory_unlock_all()');
  });
});

it('reports a locked row at once, or after two seconds for a force discard', async () => {
  const other = await testConsole.session();
  const id = await insertJob(testConsole.client);
  const free = await insertJob(testConsole.client);
  await other.query('BEGIN');
  await other.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [id]);
  const startedAt = Date.now();
  expect(await outcomeOf('discard', id)).toBe('locked');
  expect(Date.now() - startedAt).toBeLessThan(1500);
  expect(
    (await changeJobs(testConsole.ctx(), 'force_discard', [free, id])).map(
      ({ outcome }) => outcome,
    ),
  ).toEqual(['locked', 'locked']);
  expect(Date.now() - startedAt).toBeGreaterThan(1900);
  await other.query('ROLLBACK');
  expect((await readRow(testConsole.client, 'good_jobs', free)).finished_at).toBeNull();
});

it('changes no job if a batch stays locked for two seconds', async () => {
  const other = await testConsole.session();
  const batchId = await insertBatch(testConsole.client);
  const member = await insertJob(testConsole.client, { batch_id: batchId });
  const free = await insertJob(testConsole.client);
  await other.query('BEGIN');
  await other.query(`SELECT pg_advisory_xact_lock(${lockKey('good_job_batches', batchId)})`);
  expect(
    (await changeJobs(testConsole.ctx(), 'discard', [free, member])).map(({ outcome }) => outcome),
  ).toEqual(['locked', 'locked']);
  expect((await readRow(testConsole.client, 'good_jobs', free)).finished_at).toBeNull();
  // Reschedule and destroy do not wait for the batch's lock.
  expect(await outcomeOf('reschedule', member)).toBe('done');
  const finished = await insertJob(testConsole.client, { ...SUCCEEDED, batch_id: batchId });
  expect(await outcomeOf('destroy', finished)).toBe('done');
  await other.query('ROLLBACK');
  expect(await outcomeOf('discard', member)).toBe('done');
});

it('reports the first of missing, locked, refused and conflict for each id, in order', async () => {
  const worker = await testConsole.session();
  const missing = randomUUID();
  const lockedAndBad = await insertJob(testConsole.client, { serialized_params: null });
  const badAndOpen = await insertJob(testConsole.client, { serialized_params: '[]' });
  const open = await insertJob(testConsole.client);
  const ready = await insertJob(testConsole.client, DISCARDED);
  await worker.query(
    `SELECT pg_advisory_lock(${lockKey('good_jobs', lockedAndBad)}),
            pg_advisory_lock(${lockKey('good_jobs', missing)})`,
  );
  const ids = [ready, missing, open, lockedAndBad, badAndOpen];
  expect(await changeJobs(testConsole.ctx(), 'retry', ids)).toEqual([
    { id: ready, outcome: 'done' },
    { id: missing, outcome: 'missing' },
    { id: open, outcome: 'conflict' },
    { id: lockedAndBad, outcome: 'locked' },
    { id: badAndOpen, outcome: 'refused', code: 'params_not_an_object' },
  ]);
});

/**
 * Runs `act` while another session holds the batch's lock; once it waits, runs `during` and
 * unlocks.
 */
async function whileBatchLocked(
  batchId: string,
  act: () => Promise<unknown>,
  during: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const worker = await testConsole.session();
  await worker.query(
    `BEGIN; SELECT pg_advisory_xact_lock(${lockKey('good_job_batches', batchId)})`,
  );
  const action = act();
  const countWaiting = async () =>
    (
      await testConsole.client.query(
        `SELECT 1
           FROM pg_locks
          WHERE locktype = 'advisory'
            AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      )
    ).rowCount;
  await vi.waitFor(async () => expect(await countWaiting()).toBe(1));
  await during(worker);
  await worker.query('COMMIT');
  await action;
}

it('sees changes committed before its batch lock, even under REPEATABLE READ by default', async () => {
  await testConsole.client.query(
    `DO $$ BEGIN
       EXECUTE format(
         'ALTER DATABASE %I SET default_transaction_isolation TO ''repeatable read''',
         current_database());
     END $$`,
  );
  const db = openDatabase({
    url: testConsole.url,
    caFile: null,
    poolSize: 1,
    applicationName: 'good_job_console',
  });
  try {
    const batchId = await insertBatch(testConsole.client);
    const discarded = await insertJob(testConsole.client, { batch_id: batchId });
    const finished = await insertJob(testConsole.client, { batch_id: batchId });
    await whileBatchLocked(
      batchId,
      () => changeJobs(testConsole.ctx({ db }), 'discard', [discarded]),
      (worker) =>
        worker.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [finished]),
    );
    expect(await readRow(testConsole.client, 'good_job_batches', batchId)).toMatchObject({
      jobs_finished_at: expect.any(String) as string,
    });
  } finally {
    await db.close();
    await testConsole.client.query(
      `DO $$ BEGIN
         EXECUTE format(
           'ALTER DATABASE %I RESET default_transaction_isolation', current_database());
       END $$`,
    );
  }
});

it('reports a conflict for a job that joins a batch while the action waits', async () => {
  const locked = await insertBatch(testConsole.client);
  const other = await insertBatch(testConsole.client);
  const member = await insertJob(testConsole.client, { batch_id: locked });
  const joining = await insertJob(testConsole.client);
  await whileBatchLocked(
    locked,
    async () =>
      expect(await changeJobs(testConsole.ctx(), 'discard', [member, joining])).toEqual([
        { id: member, outcome: 'done' },
        { id: joining, outcome: 'conflict' },
      ]),
    (worker) => worker.query('UPDATE good_jobs SET batch_id = $2 WHERE id = $1', [joining, other]),
  );
  expect(await readRow(testConsole.client, 'good_job_batches', other)).toMatchObject({
    discarded_at: null,
    jobs_finished_at: null,
  });
});

it('discards each job exactly once when eight calls run at the same time', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 40; n += 1) ids.push(await insertJob(testConsole.client));
  const calls = await Promise.all(
    Array.from({ length: 8 }, () => changeJobs(testConsole.ctx(), 'discard', ids)),
  );
  for (const [n, id] of ids.entries()) {
    const outcomes = calls.map((call) => call[n]?.outcome);
    expect(
      outcomes.filter((outcome) => outcome === 'done'),
      `${id}: ${outcomes.join()}`,
    ).toHaveLength(1);
    expect(
      outcomes.every(
        (outcome) => outcome === 'done' || outcome === 'locked' || outcome === 'conflict',
      ),
    ).toBe(true);
  }
});

it('releases every advisory lock at the end of the transaction', async () => {
  const batchId = await insertBatch(testConsole.client);
  const ids = [
    await insertJob(testConsole.client, { batch_id: batchId }),
    await insertJob(testConsole.client),
  ];
  await changeJobs(testConsole.ctx(), 'discard', ids);
  const { rows } = await testConsole.client.query(
    `SELECT 1
       FROM pg_locks
      WHERE locktype = 'advisory'
        AND pid IN (
          SELECT pid
            FROM pg_stat_activity
           WHERE application_name = 'good_job_console' AND datname = current_database())`,
  );
  expect(rows).toEqual([]);
});
