import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { MIGRATIONS } from '../../lib/console-schema/setup';
import { goodJobDatabase } from '../harness/good-job-database';
import { type RaceActivity, findViolations, missingActivity, readActivity } from './checks';
import type { Strategy } from './good-job-worker';
import { RaceProcess } from './racer';
import { connect, insertRaceRows } from './stage';

const WORKERS = 4;
const CLIENTS = 4;
const STANDSTILL_MS = 10_000;
const OPEN = `
  SELECT jobs || ' jobs and ' || batches || ' batches' AS open, (jobs + batches)::int AS total
    FROM (
      SELECT (SELECT count(*) FROM good_jobs WHERE finished_at IS NULL) AS jobs,
             (SELECT count(*) FROM good_job_batches WHERE finished_at IS NULL) AS batches) counts`;

export interface RaceResult {
  strategy: Strategy;
  /** How long the clients ran. */
  seconds: number;
  activity: RaceActivity;
  violations: string[];
}

/**
 * Runs workers and clients on the same jobs for `seconds`, then only the workers until no job is
 * open, and checks the result.
 */
export async function race(
  strategy: Strategy,
  seconds: number,
  sabotage: boolean,
): Promise<RaceResult> {
  const consoleSchema = [
    'CREATE SCHEMA good_job_console',
    ...MIGRATIONS.map(({ statements }) => statements),
  ];
  const database = await goodJobDatabase(`races ${strategy}`, { sql: consoleSchema });
  const client = await connect(database.url, 'good_job_race');
  const racers: RaceProcess[] = [];
  try {
    await insertRaceRows(client);
    const start = (program: 'worker' | 'client', count: number) =>
      Array.from(
        { length: count },
        (_, number) => new RaceProcess(program, { url: database.url, strategy, number, sabotage }),
      );
    // Clients start first, because they need longer and the workers would finish the due jobs
    // meanwhile.
    const clients = start('client', CLIENTS);
    racers.push(...clients);
    await Promise.all(clients.map((racer) => racer.ready));
    const workers = start('worker', WORKERS);
    racers.push(...workers);
    await Promise.all(workers.map((racer) => racer.ready));

    const { lasted, activity } = await Promise.race([
      waitForActivity(client, seconds),
      ...racers.map((racer) => racer.failed),
    ]);
    await Promise.all(clients.map((racer) => racer.end()));
    for (const racer of workers) racer.send('drain');
    const stalled = await drain(client);
    await Promise.all(workers.map((racer) => racer.end()));
    return {
      strategy,
      seconds: lasted,
      activity,
      violations: [
        ...stalled,
        ...(await findViolations(client)),
        ...missingActivity(activity, lasted),
      ],
    };
  } finally {
    for (const racer of racers) racer.kill();
    await client.end();
    await database.drop();
  }
}

/** Waits for `seconds`, or on a slow machine up to three times as long for enough activity. */
async function waitForActivity(
  client: pg.Client,
  seconds: number,
): Promise<{ lasted: number; activity: RaceActivity }> {
  const startedAt = Date.now();
  await sleep(seconds * 1000);
  for (;;) {
    const activity = await readActivity(client);
    const lasted = (Date.now() - startedAt) / 1000;
    if (lasted > seconds * 3 || missingActivity(activity, lasted).length === 0)
      return { lasted, activity };
    await sleep(1000);
  }
}

/**
 * Makes all jobs due and waits until none is open; returns a violation if the workers make no
 * progress.
 */
async function drain(client: pg.Client): Promise<string[]> {
  await client.query(
    `UPDATE good_jobs
        SET scheduled_at = now()
      WHERE finished_at IS NULL AND performed_at IS NULL AND scheduled_at > now()`,
  );
  let open = '';
  let deadline = 0;
  for (;;) {
    const { rows } = await client.query<{ open: string; total: number }>(OPEN);
    if (rows[0]?.total === 0) return [];
    if (rows[0]?.open !== open) deadline = Date.now() + STANDSTILL_MS;
    open = rows[0]?.open ?? '';
    if (Date.now() > deadline)
      return [`no progress for ${STANDSTILL_MS / 1000} s, ${open} are still open`];
    await sleep(50);
  }
}
