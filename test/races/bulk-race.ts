import { MIGRATIONS } from '../../lib/console-schema/migrations';
import { goodJobDatabase } from '../harness/good-job-database';
import { BULK_VIOLATIONS, figures, violations } from './checks';
import type { Strategy } from './good-job-worker';
import { Racer } from './racer';
import { connect, prepare } from './stage';

/*
 * Two bulk runs beside four workers: one retries 20,000 discarded jobs, which the workers take up, and fail again, at
 * once; one discards jobs that the workers are at.
 */

const WORKERS = 4;
const DISCARDED = 20_000;

const BULK_JOBS = `
  INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, serialized_params, scheduled_at, created_at, updated_at, performed_at, finished_at, error, error_event)
  SELECT id, id, 'bulk', 10, 'BulkJob', jsonb_build_object('job_class', 'BulkJob', 'job_id', id, 'queue_name', 'bulk', 'priority', 10, 'arguments', '[]'::jsonb, 'executions', 0, 'exception_executions', '{}'::jsonb, 'locale', 'en', 'timezone', 'UTC'),
         now(), now(), now(), now(), now(), 'RuntimeError: boom', 4 FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, ${DISCARDED})) ids;
  UPDATE good_jobs SET scheduled_at = now() WHERE job_class = 'RaceJob';
  CREATE TABLE race_log.targets (job_id uuid, action text);
  INSERT INTO race_log.targets SELECT id, 'retry' FROM good_jobs WHERE job_class = 'BulkJob';
  INSERT INTO race_log.targets SELECT id, 'discard' FROM good_jobs WHERE job_class = 'RaceJob' AND queue_name = 'reports';
  ANALYZE good_jobs`;

export interface BulkRaceResult {
  strategy: Strategy;
  seconds: number;
  retried: number;
  /** Jobs that workers ran meanwhile. */
  executions: number;
  /** Of the run that discards: done, and held or changed by a worker. */
  discarded: number;
  missed: number;
  violations: string[];
}

export async function bulkRace(strategy: Strategy): Promise<BulkRaceResult> {
  const consoleSchema = [
    'CREATE SCHEMA good_job_console',
    ...MIGRATIONS.map(({ statements }) => statements),
  ];
  const database = await goodJobDatabase(`bulk race ${strategy}`, { sql: consoleSchema });
  const client = await connect(database.url, 'good_job_race');
  const racers: Racer[] = [];
  try {
    await prepare(client);
    await client.query(BULK_JOBS);
    const workers = Array.from(
      { length: WORKERS },
      (_, number) => new Racer('worker', { url: database.url, strategy, number, sabotage: false }),
    );
    racers.push(...workers);
    await Promise.all(workers.map((worker) => worker.ready));
    const begun = Date.now();
    const runs = [
      new Racer('bulk-runner', {
        url: database.url,
        start: { action: 'retry', query: 'state=discarded&job_class=BulkJob' },
      }),
      new Racer('bulk-runner', {
        url: database.url,
        start: { action: 'discard', query: 'q=class:RaceJob queue:reports' },
      }),
    ];
    racers.push(...runs);
    await Promise.all(runs.map((run) => run.over()));
    const seconds = (Date.now() - begun) / 1000;
    await Promise.all(workers.map((worker) => worker.end()));

    const { rows } = await client.query<{
      action: string;
      state: string;
      counts: Record<string, number>;
    }>('SELECT action, state, counts FROM good_job_console.bulk_runs');
    const [retry, discard] = ['retry', 'discard'].map((action) =>
      rows.find((row) => row.action === action),
    );
    const counts = discard?.counts ?? {};
    const told = rows
      .filter(({ state }) => state !== 'finished')
      .map(({ action, state }) => `the run that was to ${action} is ${state}`);
    if (retry?.counts.done !== DISCARDED)
      told.push(`the run says ${JSON.stringify(retry?.counts)} of ${DISCARDED} jobs`);
    const changes = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM race_log.job_changes WHERE actor = 'good_job_console' AND is_finished AND NOT was_finished`,
    );
    if (changes.rows[0]?.n !== (counts.done ?? 0))
      told.push(
        `the run says that ${counts.done ?? 0} jobs were discarded, the log ${changes.rows[0]?.n}`,
      );
    return {
      strategy,
      seconds,
      retried: retry?.counts.done ?? 0,
      executions: (await figures(client)).executions,
      discarded: counts.done ?? 0,
      missed: (counts.locked ?? 0) + (counts.conflict ?? 0),
      violations: [...told, ...(await violations(client, BULK_VIOLATIONS))],
    };
  } finally {
    for (const racer of racers) racer.kill();
    await client.end();
    await database.drop();
  }
}
