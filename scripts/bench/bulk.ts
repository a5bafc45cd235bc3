import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { z } from 'zod';
import { createRun } from '../../lib/bulk/mutations';
import { previewBulk } from '../../lib/bulk/preview';
import { type EmbeddedPostgres, startPostgres } from '../../test/postgres/postgres';
import { STRATEGIES, type Strategy } from '../../test/races/good-job-worker';
import { RaceProcess } from '../../test/races/racer';
import { insertRaceRows } from '../../test/races/stage';
import { cloneDatabase, openWritingContext, releaseRuns, withClient } from './database';
import { fill } from './fill';
import { formFields } from './html-form';
import { describeMachine, describeMissed } from './report';
import { fetchConsole, startConsole } from './server';
import { createMemoryReader } from './server-memory';

/*
 * Retries 100,000 discarded jobs in one bulk run of the production server, alone and alongside four
 * workers of each lock strategy. Measures time, rate and memory, and checks which jobs changed.
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
  /** null if the system does not report it. */
  rss_growth_mb: number | null;
  /** Jobs performed by the workers during the run. */
  executions: number;
  /** Jobs of the run not retried exactly once, plus other jobs that it changed. */
  wrong: number;
}

/** Measures, writes bulk.json and bulk.md to `folder`, and returns whether all targets are met. */
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
    return await writeResults(folder, results, log);
  } finally {
    await server.stop();
  }
}

/** Turns succeeded jobs into discarded ones until there are DISCARDED. */
function discardSome(url: string): Promise<void> {
  return withClient(url, async (client) => {
    await client.query(`
      UPDATE good_jobs
      SET error = 'Net::ReadTimeout: Net::ReadTimeout', error_event = 4
      WHERE id IN (
        SELECT id
        FROM good_jobs
        WHERE finished_at IS NOT NULL
          AND error IS NULL
          AND batch_callback_id IS NULL
        ORDER BY id
        LIMIT greatest(0, ${DISCARDED} - (
          SELECT count(*)
          FROM good_jobs
          WHERE finished_at IS NOT NULL
            AND error IS NOT NULL
        ))
      )`);
    await client.query('VACUUM ANALYZE good_jobs');
  });
}

async function measureRun(
  server: EmbeddedPostgres,
  strategy: Strategy | null,
): Promise<BulkResult> {
  const { url } = await cloneDatabase(server, 'bulk');
  const workers: RaceProcess[] = [];
  const web = await startConsole(url);
  try {
    return await withClient(url, async (client) => {
      await client.query(`SET TIME ZONE 'UTC'`);
      await insertRaceRows(client);
      await client.query(LOG_OF_CONSOLE);
      await fetchConsole(`${web.origin}/jobs?state=discarded`).then((response) => response.text());
      if (strategy)
        for (let n = 0; n < WORKERS; n += 1)
          workers.push(new RaceProcess('worker', { url, strategy, number: n, sabotage: false }));
      await Promise.all(workers.map((worker) => worker.ready));
      const { runId, jobs } = await createAbandonedRun(url, client);
      const memory = watchMemory(web.pid);
      const startedAt = performance.now();
      await submitResume(web.origin, runId);
      const run = await waitUntilFinished(web.origin, runId);
      const seconds = (performance.now() - startedAt) / 1000;
      const memoryGrowthMb = memory.stop();
      await Promise.all(workers.splice(0).map((worker) => worker.end()));
      const beside = strategy ? `${WORKERS} workers (${strategy})` : 'no workers';
      return {
        name: `retry of ${jobs.toLocaleString('en')} discarded jobs, ${beside}`,
        jobs,
        seconds,
        jobs_per_second: Math.round((run.counts.done ?? 0) / seconds),
        rss_growth_mb: memoryGrowthMb,
        executions: await selectNumber(client, 'SELECT count(*) FROM race_log.executions'),
        wrong: await selectNumber(client, WRONG_CHANGES_SQL),
      };
    });
  } finally {
    for (const worker of workers) worker.kill();
    await web.stop();
  }
}

const selectNumber = async (client: pg.Client, statement: string) =>
  Number(Object.values((await client.query<Record<string, string>>(statement)).rows[0] ?? {})[0]);

/**
 * Replaces the row trigger of test/races with a cheaper statement trigger for the console's
 * changes.
 */
const LOG_OF_CONSOLE = `
  DROP TRIGGER job_changed ON good_jobs;
  CREATE FUNCTION race_log.console_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO race_log.job_changes (job_id, actor, was_finished, is_finished)
    SELECT id, 'good_job_console', true, finished_at IS NOT NULL
    FROM changed;
    RETURN NULL;
  END $$;
  CREATE TRIGGER console_changed
    AFTER UPDATE ON good_jobs
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT
    WHEN (current_setting('application_name') = 'good_job_console')
    EXECUTE FUNCTION race_log.console_changed()`;

/** Counts wrong changes in the log of test/races/stage.ts. */
const WRONG_CHANGES_SQL = `
  WITH changed AS (
    SELECT job_id, count(*) AS n
    FROM race_log.job_changes
    WHERE actor = 'good_job_console'
    GROUP BY 1
  )
  SELECT count(*)
  FROM bench_targets t
  FULL JOIN changed c USING (job_id)
  WHERE t.job_id IS NULL
    OR c.n IS DISTINCT FROM 1`;

/** Creates a run without a lease, as after a crash; the server under test resumes it. */
async function createAbandonedRun(
  url: string,
  client: pg.Client,
): Promise<{ runId: string; jobs: number }> {
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
    return { runId, jobs: await selectNumber(client, 'SELECT count(*) FROM bench_targets') };
  } finally {
    await close();
  }
}

/** Submits the form of the run's page as a browser without JavaScript does. */
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
      if (answer.status !== 303) throw new Error(`The form returned status ${answer.status}.`);
      return;
    }
    // The server detects the console's schema every two seconds until it exists.
    if (tries > 20) throw new Error('The page of the run has no resume button.');
    await sleep(500);
  }
}

/** The fields of `BulkRun` that the bench reads. */
const bulkRun = z.object({
  state: z.string(),
  pauseReason: z.string().nullable(),
  counts: z.object({ done: z.number().optional() }),
});

async function waitUntilFinished(origin: string, runId: string): Promise<z.infer<typeof bulkRun>> {
  for (;;) {
    const response = await fetchConsole(`${origin}/api/bulk/${runId}`);
    const run = bulkRun.parse(await response.json());
    if (run.state === 'finished') return run;
    if (run.state !== 'running') throw new Error(`The run is ${run.state} (${run.pauseReason}).`);
    await sleep(100);
  }
}

/** Measures the growth of the server's resident memory in MB; null without /proc. */
function watchMemory(pid: number): { stop: () => number | null } {
  const memoryKb = createMemoryReader(pid);
  if (!memoryKb) return { stop: () => null };
  const rss = () => memoryKb() / 1000;
  const initial = rss();
  let peak = initial;
  const timer = setInterval(() => {
    peak = Math.max(peak, rss());
  }, 200);
  return {
    stop: () => {
      clearInterval(timer);
      return Math.round(Math.max(peak, rss()) - initial);
    },
  };
}

async function writeResults(
  folder: string,
  results: BulkResult[],
  log: (line: string) => void,
): Promise<boolean> {
  const missedTargets = results.flatMap(({ name, seconds, rss_growth_mb: growth, wrong }) => [
    ...(seconds > TARGETS.seconds
      ? [`${name}: ${seconds.toFixed(1)} s, target ${TARGETS.seconds} s`]
      : []),
    ...((growth ?? 0) >= TARGETS.megabytes
      ? [`${name}: ${growth} MB more memory, target below ${TARGETS.megabytes} MB`]
      : []),
    ...(wrong > 0
      ? [`${name}: ${wrong} jobs of the run not retried exactly once, or other jobs changed`]
      : []),
  ]);
  const text = [
    '# Bench of a bulk run',
    '',
    `- ${FILLED.toLocaleString('en')} jobs in a database that logs every change of a job by the ` +
      'console; each worker has two threads, performs jobs of 1 to 10 ms and polls every 20 ms: ' +
      'together they need more than two cores',
    `- ${describeMachine()}`,
    '',
    '| run | seconds | jobs per second | memory, MB | jobs performed by workers | wrong |',
    '|:-|-:|-:|-:|-:|-:|',
    ...results.map(
      (r) =>
        `| ${r.name} | ${r.seconds.toFixed(1)} | ${r.jobs_per_second} ` +
        `| ${r.rss_growth_mb === null ? '?' : `+${r.rss_growth_mb}`} ` +
        `| ${r.executions} | ${r.wrong} |`,
    ),
    '',
    describeMissed(missedTargets),
  ].join('\n');
  await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(folder, 'bulk.json'),
    `[\n${results.map((result) => `  ${JSON.stringify(result)}`).join(',\n')}\n]\n`,
  );
  await writeFile(path.join(folder, 'bulk.md'), `${text}\n`);
  log(`\n${text}`);
  return missedTargets.length === 0;
}
