import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { previewBulk } from '../../lib/bulk/preview';
import { createRun } from '../../lib/bulk/start';
import type { BulkRun } from '../../lib/bulk/types';
import { type EmbeddedPostgres, startPostgres } from '../../test/harness/postgres';
import { STRATEGIES, type Strategy } from '../../test/races/good-job-worker';
import { Racer } from '../../test/races/racer';
import { prepare } from '../../test/races/stage';
import { cloneDatabase, openWritingContext, releaseRuns, withClient } from './database';
import { fill } from './fill';
import { formFields } from './html-form';
import { machine } from './report';
import { fetchConsole, startConsole } from './server';
import { memoryReader } from './server-memory';

/*
 * 100,000 discarded jobs retried by one run of the production server, alone and with four workers of each lock
 * strategy beside it: the time, the rate, what the server's memory grew by, and that the run touched no other job.
 */

const FILLED = 200_000;
const DISCARDED = 100_000;
const WORKERS = 4;
const TARGETS = { seconds: 25, megabytes: 100 };

interface BulkResult {
  name: string;
  jobs: number;
  seconds: number;
  jobs_per_second: number;
  /** Null where the system does not tell. */
  rss_growth_mb: number | null;
  /** Jobs that workers ran meanwhile. */
  executions: number;
  /** Jobs of the run that were not retried exactly once, and others that it touched. */
  wrong: number;
}

/** Runs all measurements, writes bulk.json and bulk.md into `folder`; whether the targets are met. */
export async function benchBulk(
  settings: Record<string, string>,
  folder: string,
  log: (line: string) => void,
): Promise<boolean> {
  const server = await startPostgres({
    dataDir: path.join('.cache', 'bench-bulk', 'postgres'),
    settings,
  });
  try {
    const filled = await server.createDatabase('filled');
    await fill(filled, FILLED, log);
    await discardSome(filled);
    const results: BulkResult[] = [];
    for (const strategy of [null, ...STRATEGIES]) {
      const result = await measureRun(server, strategy);
      log(JSON.stringify(result));
      results.push(result);
    }
    return await write(folder, results, log);
  } finally {
    await server.stop();
  }
}

/** Of the finished jobs as many as it takes have failed instead. */
function discardSome(url: string): Promise<void> {
  return withClient(url, async (client) => {
    await client.query(`UPDATE good_jobs SET error = 'Net::ReadTimeout: Net::ReadTimeout', error_event = 4 WHERE id IN (
      SELECT id FROM good_jobs WHERE finished_at IS NOT NULL AND error IS NULL AND batch_callback_id IS NULL ORDER BY id
       LIMIT greatest(0, ${DISCARDED} - (SELECT count(*) FROM good_jobs WHERE finished_at IS NOT NULL AND error IS NOT NULL)))`);
    await client.query('VACUUM ANALYZE good_jobs');
  });
}

async function measureRun(
  server: EmbeddedPostgres,
  strategy: Strategy | null,
): Promise<BulkResult> {
  const { url } = await cloneDatabase(server, 'bulk');
  const workers: Racer[] = [];
  const web = await startConsole(url);
  try {
    return await withClient(url, async (client) => {
      await client.query(`SET TIME ZONE 'UTC'`);
      await prepare(client);
      await client.query(LOG_OF_CONSOLE);
      await fetchConsole(`${web.origin}/jobs?state=discarded`).then((response) => response.text());
      if (strategy)
        for (let n = 0; n < WORKERS; n += 1)
          workers.push(new Racer('worker', { url, strategy, number: n, sabotage: false }));
      await Promise.all(workers.map((worker) => worker.ready));
      const { runId, jobs } = await create(url, client);
      const memory = watchMemory(web.pid);
      const begun = performance.now();
      await submitResume(web.origin, runId);
      const run = await finished(web.origin, runId);
      const seconds = (performance.now() - begun) / 1000;
      const grown = memory.stop();
      await Promise.all(workers.splice(0).map((worker) => worker.end()));
      return {
        name: `retry of ${jobs.toLocaleString('en')} discarded jobs, ${strategy ? `${WORKERS} workers (${strategy})` : 'no workers'}`,
        jobs,
        seconds,
        jobs_per_second: Math.round((run.counts.done ?? 0) / seconds),
        rss_growth_mb: grown,
        executions: await number(client, 'SELECT count(*) FROM race_log.executions'),
        wrong: await number(client, WRONG),
      };
    });
  } finally {
    for (const worker of workers) worker.kill();
    await web.stop();
  }
}

const number = async (client: pg.Client, statement: string) =>
  Number(Object.values((await client.query<Record<string, string>>(statement)).rows[0] ?? {})[0]);

/** In place of the races' own trigger: what the console changes, statement by statement, which costs it less. */
const LOG_OF_CONSOLE = `
  DROP TRIGGER job_changed ON good_jobs;
  CREATE FUNCTION race_log.console_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO race_log.job_changes (job_id, actor, was_finished, is_finished) SELECT id, 'good_job_console', true, finished_at IS NOT NULL FROM changed;
    RETURN NULL;
  END $$;
  CREATE TRIGGER console_changed AFTER UPDATE ON good_jobs REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    WHEN (current_setting('application_name') = 'good_job_console') EXECUTE FUNCTION race_log.console_changed()`;

/** By the log of what every connection did to the rows (test/races/stage.ts). */
const WRONG = `
  WITH changed AS (SELECT job_id, count(*) AS n FROM race_log.job_changes WHERE actor = 'good_job_console' GROUP BY 1)
  SELECT count(*) FROM bench_targets t FULL JOIN changed c USING (job_id) WHERE t.job_id IS NULL OR c.n IS DISTINCT FROM 1`;

/** The run as a server leaves it that dies at once: listed, nothing done, nobody's. The server under test takes it up. */
async function create(url: string, client: pg.Client): Promise<{ runId: string; jobs: number }> {
  const { ctx, close } = await openWritingContext(url, 1);
  try {
    const { target, cutOff, total } = await previewBulk(ctx, 'retry', {
      kind: 'filter',
      query: 'state=discarded',
      batchId: null,
    });
    const runId = await createRun(ctx, {
      action: 'retry',
      target,
      scheduledAt: null,
      cutOff,
      expected: total,
      confirmedCount: total.count,
    });
    await client.query(
      'CREATE TABLE bench_targets AS SELECT job_id FROM good_job_console.bulk_run_targets',
    );
    await releaseRuns(client);
    return { runId, jobs: await number(client, 'SELECT count(*) FROM bench_targets') };
  } finally {
    await close();
  }
}

/** Sends the form of the run's page, as a browser without JavaScript does. */
async function submitResume(origin: string, runId: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const page = await fetchConsole(`${origin}/bulk/${runId}`).then((response) => response.text());
    const form = page.match(
      /<form[^>]*>(?:(?!<\/form>).)*value="resume"(?:(?!<\/form>).)*<\/form>/s,
    )?.[0];
    if (form) {
      const body = new FormData();
      for (const [name, value] of formFields(form)) body.append(name, value);
      const answer = await fetchConsole(`${origin}/bulk/${runId}`, {
        method: 'POST',
        body,
        headers: { Origin: origin },
        redirect: 'manual',
      });
      if (answer.status !== 303) throw new Error(`The form was answered with ${answer.status}.`);
      return;
    }
    // The server looks for the console's schema every two seconds while it has none.
    if (tries > 20) throw new Error('The page of the run offers no resume.');
    await sleep(500);
  }
}

async function finished(origin: string, runId: string): Promise<BulkRun> {
  for (;;) {
    const run = (await fetchConsole(`${origin}/api/bulk/${runId}`).then((response) =>
      response.json(),
    )) as BulkRun;
    if (run.state === 'finished') return run;
    if (run.state !== 'running') throw new Error(`The run is ${run.state} (${run.pauseReason}).`);
    await sleep(100);
  }
}

/** How much the server's resident memory grows, MB; null where the system has no /proc. */
function watchMemory(pid: number): { stop: () => number | null } {
  const memoryKb = memoryReader(pid);
  if (!memoryKb) return { stop: () => null };
  const rss = () => memoryKb() / 1000;
  const before = rss();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, rss())), 200);
  return {
    stop: () => {
      clearInterval(timer);
      return Math.round(Math.max(most, rss()) - before);
    },
  };
}

async function write(
  folder: string,
  results: BulkResult[],
  log: (line: string) => void,
): Promise<boolean> {
  const missed = results.flatMap(({ name, seconds, rss_growth_mb: grown, wrong }) => [
    ...(seconds > TARGETS.seconds
      ? [`${name}: ${seconds.toFixed(1)} s, target ${TARGETS.seconds} s`]
      : []),
    ...((grown ?? 0) >= TARGETS.megabytes
      ? [`${name}: ${grown} MB more memory, target below ${TARGETS.megabytes} MB`]
      : []),
    ...(wrong > 0
      ? [`${name}: ${wrong} jobs not retried exactly once, or touched and none of the run's`]
      : []),
  ]);
  const text = [
    '# Bench of a bulk run',
    '',
    `- ${FILLED.toLocaleString('en')} jobs in the database, which logs every change of a job by the console while it is measured; a worker has two threads, jobs of 1 to 10 ms and looks for the next one every 20 ms: together they ask for more than two cores`,
    `- ${machine()}`,
    '',
    '| run | seconds | jobs a second | memory, MB | jobs run by workers meanwhile | wrong |',
    '|:-|-:|-:|-:|-:|-:|',
    ...results.map(
      (r) =>
        `| ${r.name} | ${r.seconds.toFixed(1)} | ${r.jobs_per_second} | ${r.rss_growth_mb === null ? '?' : `+${r.rss_growth_mb}`} | ${r.executions} | ${r.wrong} |`,
    ),
    '',
    missed.length === 0
      ? 'All targets met.'
      : `Missed:\n${missed.map((line) => `- ${line}`).join('\n')}`,
  ].join('\n');
  await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(folder, 'bulk.json'),
    `[\n${results.map((result) => `  ${JSON.stringify(result)}`).join(',\n')}\n]\n`,
  );
  await writeFile(path.join(folder, 'bulk.md'), `${text}\n`);
  log(`\n${text}`);
  return missed.length === 0;
}
