import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GoodJobDatabase, goodJobDatabase } from '../harness/good-job-database';
import { findViolations, missingActivity } from './checks';
import { CONSOLE, WORKER, connect, insertRaceRows } from './stage';

/* Every check must pass for a correct race and fail for each kind of violation. */

let database: GoodJobDatabase;
let client: pg.Client;

const insertExecutions = (jobs: string) => `
  INSERT INTO race_log.executions (job_id, process_id, started_at, stopped_at)
  SELECT id, gen_random_uuid(), now(), now() + interval '1 second' FROM ${jobs};
  INSERT INTO good_job_executions (active_job_id, created_at, updated_at, finished_at)
  SELECT id, now(), now(), now() FROM ${jobs}`;
const CORRECT_RACE = `
  ${insertExecutions('good_jobs')};
  UPDATE good_jobs SET performed_at = now(), finished_at = now(), executions_count = 1;
  UPDATE good_job_batches SET jobs_finished_at = now(), finished_at = now();
  CREATE TEMPORARY TABLE callbacks AS
  SELECT gen_random_uuid() AS id, b.id AS batch_id, event
    FROM good_job_batches b, unnest(ARRAY['finish', 'success']) AS event
   WHERE event = 'finish' OR b.on_success IS NOT NULL;
  INSERT INTO good_jobs (
         id, active_job_id, batch_callback_id, serialized_params,
         executions_count, finished_at, created_at, updated_at)
  SELECT id, id, batch_id,
         jsonb_build_object('arguments', jsonb_build_array(
           'gid', jsonb_build_object('event', jsonb_build_object('value', event)))),
         1, now(), now(), now()
    FROM callbacks;
  ${insertExecutions('callbacks')}`;

beforeAll(async () => {
  database = await goodJobDatabase('race checks');
  client = await connect(database.url, WORKER);
  await insertRaceRows(client);
  await client.query(CORRECT_RACE);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const as = (actor: string, statement: string) =>
  `SET LOCAL application_name = '${actor}'; ${statement}`;
const JOB = `(
  SELECT id
    FROM good_jobs
   WHERE batch_id IS NULL AND batch_callback_id IS NULL
   ORDER BY id
   LIMIT 1)`;
const MEMBER = `(SELECT id FROM good_jobs WHERE batch_id IS NOT NULL ORDER BY id LIMIT 1)`;
const BATCH = `(
  SELECT id
    FROM good_job_batches
   WHERE on_discard IS NULL AND on_success IS NOT NULL
   ORDER BY id
   LIMIT 1)`;
const CALLBACK = `(SELECT id FROM callbacks ORDER BY id LIMIT 1)`;

const insertLaterExecution = (job: string) => `
  INSERT INTO race_log.executions (job_id, process_id, started_at, stopped_at)
  VALUES (${job}, gen_random_uuid(), now() + interval '2 second', now() + interval '3 seconds')`;

async function violationsAfter(statement: string): Promise<string[]> {
  await client.query('BEGIN');
  try {
    await client.query(statement);
    return await findViolations(client);
  } finally {
    await client.query('ROLLBACK');
  }
}

it('reports no violation for a correct race', async () => {
  expect(await findViolations(client)).toEqual([]);
  const retry = `
    UPDATE good_jobs SET finished_at = NULL, error_event = 3 WHERE id = ${JOB};
    INSERT INTO race_log.outcomes (job_id, action, outcome) VALUES (${JOB}, 'retry', 'done')`;
  const finish = `
    UPDATE good_jobs SET finished_at = now(), error_event = NULL WHERE id = ${JOB}`;
  expect(await violationsAfter(`${as(CONSOLE, retry)}; ${as(WORKER, finish)}`)).toEqual([]);
});

it.each([
  [
    'a job ran twice at once',
    `INSERT INTO race_log.executions (job_id, process_id, started_at, stopped_at)
     SELECT job_id, gen_random_uuid(), started_at + interval '0.5 second',
            stopped_at + interval '1 second'
       FROM race_log.executions
      WHERE job_id = ${JOB}`,
  ],
  [
    'a job ran twice at once',
    `UPDATE race_log.executions SET stopped_at = NULL WHERE job_id = ${JOB};
     ${insertLaterExecution(JOB)}`,
  ],
  ['a finished job changed', as(WORKER, `UPDATE good_jobs SET error = 'late' WHERE id = ${JOB}`)],
  [
    'a finished job changed',
    as(WORKER, `UPDATE good_jobs SET finished_at = NULL, error_event = 3 WHERE id = ${JOB}`),
  ],
  ['a finished job changed', as(CONSOLE, `UPDATE good_jobs SET error_event = 5 WHERE id = ${JOB}`)],
  [
    'a worker claimed a job in an impossible state',
    `INSERT INTO race_log.anomalies (what) VALUES ('x')`,
  ],
  [
    'an undo reverted another change',
    `INSERT INTO race_log.job_changes (
            job_id, actor, was_finished, is_finished, error_event, is_undo)
     VALUES (${JOB}, '${CONSOLE}', false, true, 5, false),
            (${JOB}, '${CONSOLE}', true, true, 3, false),
            (${JOB}, '${CONSOLE}', true, false, NULL, true)`,
  ],
  [
    'an undo reverted another change',
    `INSERT INTO race_log.job_changes (
            job_id, actor, was_finished, is_finished, error_event, is_undo)
     VALUES (${MEMBER}, '${CONSOLE}', false, true, 5, false),
            (${MEMBER}, '${CONSOLE}', true, false, NULL, true)`,
  ],
  ['a job was lost', `UPDATE good_jobs SET finished_at = NULL WHERE id = ${JOB}`],
  ['a job was lost', `UPDATE good_jobs SET locked_by_id = gen_random_uuid() WHERE id = ${JOB}`],
  ['a job was lost', `DELETE FROM good_jobs WHERE id = ${JOB}`],
  [
    'executions do not match their rows',
    `UPDATE good_jobs SET executions_count = 2 WHERE id = ${JOB}`,
  ],
  [
    'executions do not match their rows',
    `UPDATE good_job_executions SET finished_at = NULL WHERE active_job_id = ${JOB}`,
  ],
  ['executions do not match their rows', `DELETE FROM race_log.executions WHERE job_id = ${JOB}`],
  [
    'the console reported other changes than it made',
    `INSERT INTO race_log.outcomes (job_id, action, outcome)
     VALUES (${JOB}, 'discard', 'done')`,
  ],
  [
    'the console reported other changes than it made',
    as(CONSOLE, `UPDATE good_jobs SET finished_at = NULL, error_event = 3 WHERE id = ${JOB}`),
  ],
  [
    'an action had an unexpected outcome',
    `INSERT INTO race_log.outcomes (job_id, action, outcome)
     VALUES (${JOB}, 'discard', 'missing')`,
  ],
  [
    'a batch did not complete exactly once',
    `UPDATE good_job_batches
        SET jobs_finished_at = now() + interval '1 second'
      WHERE id = ${BATCH}`,
  ],
  [
    'a batch did not complete exactly once',
    `DELETE FROM race_log.batch_changes WHERE what = 'finished_at' AND batch_id = ${BATCH}`,
  ],
  [
    'a batch did not complete exactly once',
    `UPDATE good_job_batches SET finished_at = NULL WHERE id = ${BATCH}`,
  ],
  [
    'discarded_at of a batch does not match its members',
    `UPDATE good_job_batches SET discarded_at = now() WHERE id = ${BATCH}`,
  ],
  [
    'discarded_at of a batch does not match its members',
    `INSERT INTO race_log.job_changes (job_id, actor, was_finished, is_finished, error_event)
     VALUES (${MEMBER}, '${WORKER}', false, true, 4)`,
  ],
  ['a callback was not enqueued exactly once', `DELETE FROM good_jobs WHERE id = ${CALLBACK}`],
  [
    'a callback was not enqueued exactly once',
    `INSERT INTO good_jobs (
            batch_callback_id, serialized_params, finished_at, created_at, updated_at)
     SELECT batch_callback_id, serialized_params, now(), now(), now()
       FROM good_jobs
      WHERE id = ${CALLBACK}`,
  ],
  ['a callback was not enqueued exactly once', insertLaterExecution(CALLBACK)],
  [
    'a callback was not enqueued exactly once',
    `UPDATE race_log.batch_changes
        SET discarded = true
      WHERE what = 'jobs_finished_at' AND batch_id = ${BATCH}`,
  ],
])('reports the violation: %s (%#)', async (rule, statement) => {
  expect(
    (await violationsAfter(statement)).filter((violation) => violation.startsWith(rule)),
  ).not.toEqual([]);
});

it('reports a race with too little activity', () => {
  const activity = {
    executions: 1,
    finishedByWorkers: 167,
    done: { discard: 300, retry: 300, reschedule: 300 },
    undone: { discard: 30, reschedule: 30 },
    locked: 50,
    conflict: 50,
    batchesByConsole: 0,
  };
  expect(missingActivity(activity, 10)).toEqual([]);
  expect(missingActivity({ ...activity, finishedByWorkers: 166 }, 10)).toHaveLength(1);
  expect(missingActivity({ ...activity, locked: 49 }, 10)).toHaveLength(1);
  expect(missingActivity({ ...activity, done: { ...activity.done, retry: 299 } }, 10)).toHaveLength(
    1,
  );
  const undone = { ...activity.undone, discard: 29 };
  expect(missingActivity({ ...activity, undone }, 10)).toHaveLength(1);
});
