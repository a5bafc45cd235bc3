import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { MIGRATIONS } from '../../lib/console-schema/migrations';
import { goodJobDatabase } from '../harness/good-job-database';
import { type Figures, figures, tooLittle, violations } from './checks';
import type { Strategy } from './good-job-worker';
import { Racer } from './racer';
import { connect, prepare } from './stage';

const WORKERS = 4;
const CLIENTS = 4;
const STANDSTILL_MS = 10_000;
const OPEN = `
  SELECT jobs || ' jobs and ' || batches || ' batches' AS open, (jobs + batches)::int AS total
    FROM (SELECT (SELECT count(*) FROM good_jobs WHERE finished_at IS NULL) AS jobs, (SELECT count(*) FROM good_job_batches WHERE finished_at IS NULL) AS batches) counts`;

export interface RaceResult {
  strategy: Strategy;
  /** How long the clients were at it. */
  seconds: number;
  figures: Figures;
  violations: string[];
}

/** Workers and clients on the same jobs for so many seconds; then the workers alone until nothing is left, and the checks. */
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
  const racers: Racer[] = [];
  try {
    await prepare(client);
    const start = (program: 'worker' | 'client', count: number) =>
      Array.from(
        { length: count },
        (_, number) => new Racer(program, { url: database.url, strategy, number, sabotage }),
      );
    // Clients first: they take longer to be ready, and the jobs that are due would be done by then.
    const clients = start('client', CLIENTS);
    racers.push(...clients);
    await Promise.all(clients.map((racer) => racer.ready));
    const workers = start('worker', WORKERS);
    racers.push(...workers);
    await Promise.all(workers.map((racer) => racer.ready));

    const { lasted, happened } = await Promise.race([
      enough(client, seconds),
      ...racers.map((racer) => racer.failed),
    ]);
    await Promise.all(clients.map((racer) => racer.end()));
    for (const racer of workers) racer.send('drain');
    const drained = await drain(client);
    await Promise.all(workers.map((racer) => racer.end()));
    return {
      strategy,
      seconds: lasted,
      figures: happened,
      violations: [...drained, ...(await violations(client)), ...tooLittle(happened, lasted)],
    };
  } finally {
    for (const racer of racers) racer.kill();
    await client.end();
    await database.drop();
  }
}

/** So many seconds; on a machine that is busy with other things up to three times as long, until enough has happened. */
async function enough(
  client: pg.Client,
  seconds: number,
): Promise<{ lasted: number; happened: Figures }> {
  const startedAt = Date.now();
  await sleep(seconds * 1000);
  for (;;) {
    const happened = await figures(client);
    const lasted = (Date.now() - startedAt) / 1000;
    if (lasted > seconds * 3 || tooLittle(happened, lasted).length === 0)
      return { lasted, happened };
    await sleep(1000);
  }
}

/** The hour of all that was scheduled has come: until nothing is open, or nothing moves any more. */
async function drain(client: pg.Client): Promise<string[]> {
  await client.query(
    'UPDATE good_jobs SET scheduled_at = now() WHERE finished_at IS NULL AND performed_at IS NULL AND scheduled_at > now()',
  );
  let open = '';
  let deadline = 0;
  for (;;) {
    const { rows } = await client.query<{ open: string; total: number }>(OPEN);
    if (rows[0]?.total === 0) return [];
    if (rows[0]?.open !== open) deadline = Date.now() + STANDSTILL_MS;
    open = rows[0]?.open ?? '';
    if (Date.now() > deadline)
      return [`the workers have stood still for ${STANDSTILL_MS / 1000} s and left ${open} open`];
    await sleep(50);
  }
}
