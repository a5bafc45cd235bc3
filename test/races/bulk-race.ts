import type pg from 'pg';
import { MIGRATIONS } from '../../lib/console-schema/setup';
import { goodJobDatabase } from '../harness/good-job-database';
import { BULK_VIOLATIONS, findViolations, readActivity } from './checks';
import type { Strategy } from './good-job-worker';
import { RaceProcess } from './racer';
import { connect, insertRaceRows } from './stage';

/*
 * Two bulk runs concurrent with four workers: one retries 20,000 discarded jobs, which the workers
 * run and fail again; the other discards jobs that the workers are running.
 */

const WORKERS = 4;
const DISCARDED = 20_000;

const BULK_JOBS = `
  INSERT INTO good_jobs (
         id, active_job_id, queue_name, priority, job_class, serialized_params, scheduled_at,
         created_at, updated_at, performed_at, finished_at, error, error_event)
  SELECT id, id, 'bulk', 10, 'BulkJob',
         jsonb_build_object(
           'job_class', 'BulkJob', 'job_id', id, 'queue_name', 'bulk', 'priority', 10,
           'arguments', '[]'::jsonb, 'executions', 0, 'exception_executions', '{}'::jsonb,
           'locale', 'en', 'timezone', 'UTC'),
         now(), now(), now(), now(), now(), 'RuntimeError: boom', 4
    FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, ${DISCARDED})) ids;
  UPDATE good_jobs SET scheduled_at = now() WHERE job_class = 'RaceJob';
  CREATE TABLE race_log.targets (job_id uuid, action text);
  INSERT INTO race_log.targets SELECT id, 'retry' FROM good_jobs WHERE job_class = 'BulkJob';
  INSERT INTO race_log.targets
  SELECT id, 'discard' FROM good_jobs WHERE job_class = 'RaceJob' AND queue_name = 'reports';
  ANALYZE good_jobs`;

export interface BulkRaceResult {
  strategy: Strategy;
  seconds: number;
  retried: number;
  /** Executions by workers during the runs. */
  executions: number;
  /** Jobs that the discarding run discarded. */
  discarded: number;
  /** Jobs that the discarding run skipped, because a worker had locked or changed them. */
  skipped: number;
  violations: string[];
}

/** Runs the workers and the two bulk runs under one lock strategy, and checks the result. */
export async function bulkRace(strategy: Strategy): Promise<BulkRaceResult> {
  const consoleSchema = [
    'CREATE SCHEMA good_job_console',
    ...MIGRATIONS.map(({ statements }) => statements),
  ];
  const database = await goodJobDatabase(`bulk race ${strategy}`, { sql: consoleSchema });
  const client = await connect(database.url, 'good_job_race');
  const racers: RaceProcess[] = [];
  try {
    await insertRaceRows(client);
    await client.query(BULK_JOBS);
    const workers = Array.from(
      { length: WORKERS },
      (_, number) =>
        new RaceProcess('worker', { url: database.url, strategy, number, sabotage: false }),
    );
    racers.push(...workers);
    await Promise.all(workers.map((worker) => worker.ready));
    const startedAt = Date.now();
    const runs = [
      new RaceProcess('bulk-runner', {
        url: database.url,
        start: { action: 'retry', query: 'state=discarded&job_class=BulkJob' },
      }),
      new RaceProcess('bulk-runner', {
        url: database.url,
        start: { action: 'discard', query: 'q=class:RaceJob queue:reports' },
      }),
    ];
    racers.push(...runs);
    await Promise.all(runs.map((run) => run.waitForExit()));
    const seconds = (Date.now() - startedAt) / 1000;
    await Promise.all(workers.map((worker) => worker.end()));

    const { rows } = await client.query<RunRow>(
      'SELECT action, state, counts FROM good_job_console.bulk_runs',
    );
    const retried = rows.find((row) => row.action === 'retry')?.counts.done ?? 0;
    const counts = rows.find((row) => row.action === 'discard')?.counts ?? {};
    return {
      strategy,
      seconds,
      retried,
      executions: (await readActivity(client)).executions,
      discarded: counts.done ?? 0,
      skipped: (counts.locked ?? 0) + (counts.conflict ?? 0),
      violations: [
        ...(await findWrongReports(client, rows)),
        ...(await findViolations(client, BULK_VIOLATIONS)),
      ],
    };
  } finally {
    for (const racer of racers) racer.kill();
    await client.end();
    await database.drop();
  }
}

interface RunRow {
  action: string;
  state: string;
  counts: Record<string, number>;
}

/** Descriptions of runs that did not finish or report other numbers than the log. */
async function findWrongReports(client: pg.Client, runs: RunRow[]): Promise<string[]> {
  const wrongReports = runs
    .filter(({ state }) => state !== 'finished')
    .map(({ action, state }) => `the ${action} run is ${state}`);
  const retryCounts = runs.find((run) => run.action === 'retry')?.counts;
  if (retryCounts?.done !== DISCARDED)
    wrongReports.push(`the retry run reports ${JSON.stringify(retryCounts)} of ${DISCARDED} jobs`);
  const discarded = runs.find((run) => run.action === 'discard')?.counts.done ?? 0;
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n
       FROM race_log.job_changes
      WHERE actor = 'good_job_console' AND is_finished AND NOT was_finished`,
  );
  if (rows[0]?.n !== discarded)
    wrongReports.push(`the discard run reports ${discarded} jobs, but the log ${rows[0]?.n}`);
  return wrongReports;
}
