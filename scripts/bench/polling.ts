import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { setUpConsoleSchema } from '../../lib/console-schema/setup';
import { openDatabase } from '../../lib/db/database';
import { jobFilterParams, parseJobFilter } from '../../lib/jobs/filters';
import { startPostgres } from '../../test/harness/postgres';
import { fill } from './fill';
import { HttpClient, percentile } from './measure';
import { type Statement, countStatements, resetStatements, totalCalls } from './pg-stat-statements';
import { machine } from './report';
import { startConsole } from './server';

/*
 * What viewers who leave /jobs open cost the database: so many pollers, each with a filter of its own, ask what the
 * page asks (components/jobs/use-live-rows.ts), and pg_stat_statements counts what reaches PostgreSQL.
 */

const JOBS = 20_000;
const POLLERS = 50;
const EVERY_MS = 5_000;
const WARM_UP_MS = 10_000;
const MEASURED_MS = 25_000;
const TARGET = 30;
/** Of the pollers these show the chart as well; it is due every 15 s (components/chart/chart-panel.tsx). */
const WITH_CHART = 5;
const CHART_EVERY = 3;

interface PollingResult {
  name: string;
  pollers: number;
  requests: number;
  queries_per_second: number;
  /** Were nothing remembered from one refresh to the next: what one refresh of every page takes, over the interval. */
  cold_queries_per_second: number;
  transactions_per_second: number;
  p50_ms: number;
  p95_ms: number;
}

/** Fifty pages that people leave open: tabs, one term, two, texts, a batch, columns and sorts of their own. */
async function pages(client: pg.Client): Promise<string[]> {
  const values = async (statement: string) =>
    (await client.query<{ v: string }>(statement)).rows.map(({ v }) => v);
  const classes = await values(
    'SELECT job_class AS v FROM good_jobs GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 12',
  );
  const queues = await values(
    'SELECT queue_name AS v FROM good_jobs GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 8',
  );
  const labels = await values(
    'SELECT l AS v FROM good_jobs, unnest(labels) l GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 4',
  );
  const batches = await values(
    'SELECT batch_id::text AS v FROM good_jobs WHERE batch_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2',
  );
  const q = (text: string, more: Record<string, string> = {}) =>
    String(new URLSearchParams({ ...more, q: text }));
  const wanted = [
    '',
    'state=scheduled',
    'state=retried',
    'state=queued',
    'state=running',
    'state=succeeded',
    'state=discarded',
    'limit=100',
    ...classes.slice(0, 6).map((name) => q(`class:${name}`)),
    ...classes.slice(6).map((name) => q(`class:${name}`, { state: 'discarded' })),
    ...queues.slice(0, 5).map((name) => q(`queue:${name}`)),
    ...queues.slice(5).map((name) => q(`queue:${name}`, { state: 'queued' })),
    ...labels.map((name) => q(`label:"${name}"`)),
    ...batches.map((id) => q(`batch:${id}`)),
    q('timeout'),
    q('請求書'),
    q('Net::ReadTimeout', { state: 'discarded' }),
    q('no such text anywhere'),
    q('error:"Net::ReadTimeout"'),
    q('created:>2h'),
    q('finished:>1d', { state: 'succeeded' }),
    q('attempts:>=3'),
    q('priority:>0', { state: 'queued' }),
    q(`-class:${classes[0]}`),
    q(`class:${classes[0]},${classes[1]} queue:${queues[0]}`),
    q(`queue:${queues[1]} error:timeout`, { state: 'discarded' }),
    q(`class:${classes[2]} created:>1d`),
    'sort=created.asc',
    'columns=created,cron',
    q(`class:${classes[3]}`, { columns: 'args.0' }),
    q('state:discarded,retried'),
  ];
  return [...new Set(wanted)].slice(0, POLLERS);
}

/** What the page with this query asks for, time after time (app/(console)/jobs/page.tsx makes the same of it). */
function doorOf(query: string): string {
  const params = new URLSearchParams(query);
  const filter = parseJobFilter(params);
  const columns = params.get('columns');
  return `/api/jobs?${new URLSearchParams({ ...jobFilterParams(filter, filter.cursor), ...(columns ? { columns } : {}) })}`;
}

/** One refresh of a page, as the page asks for it. */
async function refresh(
  client: HttpClient,
  query: string,
  more: Record<string, string>,
): Promise<number> {
  const door = doorOf(query);
  const { ms, status } = await client.get(
    `${door}${door.endsWith('?') ? '' : '&'}${new URLSearchParams(more)}`,
  );
  if (status !== 200) throw new Error(`GET ${door} answered ${status}.`);
  return ms;
}

async function poll(
  origin: string,
  query: string,
  n: number,
  until: number,
  record: (ms: number) => void,
): Promise<void> {
  const client = new HttpClient(origin);
  // Spread over the interval, as people arrive.
  await sleep((EVERY_MS * n) / POLLERS);
  try {
    for (let round = 0; performance.now() < until; round += 1) {
      const hasChart = n < WITH_CHART && round % CHART_EVERY === 0;
      record(
        await refresh(client, query, {
          ...(hasChart ? { range: 'hour', by: 'state' } : {}),
          include: hasChart ? 'counts,chart' : 'counts',
        }),
      );
      // The page waits its interval after each answer.
      await sleep(EVERY_MS);
    }
  } finally {
    client.close();
  }
}

/** Runs it, writes polling.json and polling.md into `folder`; whether the target is met. */
export async function benchPolling(
  settings: Record<string, string>,
  folder: string,
  log: (line: string) => void,
): Promise<boolean> {
  const server = await startPostgres({
    dataDir: path.join('.cache', 'bench-polling', 'postgres'),
    settings: {
      ...settings,
      shared_preload_libraries: 'pg_stat_statements',
      'pg_stat_statements.track_utility': 'on',
    },
  });
  try {
    await fill(server.url, JOBS, log);
    const client = new pg.Client({
      connectionString: server.url,
      application_name: 'good_job_console_bench',
    });
    await client.connect();
    try {
      await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
      const results: PollingResult[] = [];
      const statements: Statement[] = [];
      for (const consoleSchema of [true, false]) {
        await client.query('DROP SCHEMA IF EXISTS good_job_console CASCADE');
        if (consoleSchema) await setUp(server.url);
        const name = `${POLLERS} filters, ${consoleSchema ? 'with' : 'without'} the console's schema`;
        const measured = await measurePolling(server.url, client, name, log);
        results.push(measured.result);
        if (consoleSchema) statements.push(...measured.statements);
      }
      return await write(folder, results, statements, log);
    } finally {
      await client.end();
    }
  } finally {
    await server.stop();
  }
}

/** Each page for the first time, one after the other: the server remembers nothing yet. */
async function refreshAll(origin: string, queries: string[], client: pg.Client): Promise<number> {
  const http = new HttpClient(origin);
  try {
    // The server looks at the tables once.
    await http.get('/jobs?q=class:None');
    await resetStatements(client);
    for (const query of queries) await refresh(http, query, { include: 'counts' });
    return totalCalls(await countStatements(client));
  } finally {
    http.close();
  }
}

export async function setUp(url: string): Promise<void> {
  const db = openDatabase({
    url,
    caFile: null,
    poolSize: 1,
    applicationName: 'good_job_console_bench',
  });
  try {
    await db.write((tx) => setUpConsoleSchema(tx));
  } finally {
    await db.close();
  }
}

async function measurePolling(
  url: string,
  client: pg.Client,
  name: string,
  log: (line: string) => void,
): Promise<{ result: PollingResult; statements: Statement[] }> {
  const queries = await pages(client);
  if (queries.length !== POLLERS)
    throw new Error(`There are only ${queries.length} different filters for ${POLLERS} pollers.`);
  const web = await startConsole(url);
  try {
    const cold = await refreshAll(web.origin, queries, client);
    const times: number[] = [];
    let isMeasured = false;
    // They go on a little longer than they are watched.
    const until = performance.now() + WARM_UP_MS + MEASURED_MS + EVERY_MS;
    const pollers = Promise.all(
      queries.map((query, n) =>
        poll(web.origin, query, n, until, (ms) => isMeasured && times.push(ms)),
      ),
    );
    const watched = (async () => {
      await sleep(WARM_UP_MS);
      await resetStatements(client);
      isMeasured = true;
      const begun = performance.now();
      await sleep(MEASURED_MS);
      isMeasured = false;
      const seconds = (performance.now() - begun) / 1000;
      const statements = await countStatements(client);
      const { rows } = await client.query<{ calls: number }>(
        `SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements WHERE query ~ '^BEGIN'`,
      );
      return { seconds, statements, begun: rows[0]?.calls ?? 0 };
    })();
    const [{ seconds, statements, begun }] = await Promise.all([watched, pollers]);
    const rate = (n: number) => Math.round((n / seconds) * 10) / 10;
    const result: PollingResult = {
      name,
      pollers: POLLERS,
      requests: times.length,
      queries_per_second: rate(totalCalls(statements)),
      cold_queries_per_second: (cold * 1000) / EVERY_MS,
      transactions_per_second: rate(begun),
      p50_ms: percentile(times, 50),
      p95_ms: percentile(times, 95),
    };
    log(JSON.stringify(result));
    return {
      result,
      statements: statements.map(({ query, calls }) => ({ query, calls: rate(calls) })),
    };
  } finally {
    await web.stop();
  }
}

async function write(
  folder: string,
  results: PollingResult[],
  statements: Statement[],
  log: (line: string) => void,
): Promise<boolean> {
  const missed = results.filter(
    (result) => Math.max(result.queries_per_second, result.cold_queries_per_second) >= TARGET,
  );
  const short = (query: string) =>
    query.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim().slice(0, 110);
  const text = [
    '# Bench of polling',
    '',
    `- ${POLLERS} pages of /jobs, each with another filter (${WITH_CHART} with the chart), refreshing every ${EVERY_MS / 1000} s; ${JOBS.toLocaleString('en')} jobs; queries by pg_stat_statements, without BEGIN, SET and COMMIT`,
    '- "with nothing remembered": the statements of one first refresh of every page, over the interval; the server keeps counts for a few seconds, longer when they were slow, so a busy machine measures fewer',
    `- ${machine()}`,
    '',
    '| | requests | queries a second | target | with nothing remembered | transactions a second | p50 ms | p95 ms |',
    '|:-|-:|-:|-:|-:|-:|-:|-:|',
    ...results.map(
      (r) =>
        `| ${r.name} | ${r.requests} | ${r.queries_per_second} | < ${TARGET} | ${r.cold_queries_per_second} | ${r.transactions_per_second} | ${r.p50_ms} | ${r.p95_ms} |`,
    ),
    '',
    "The statements that came most often, with the console's schema:",
    '',
    '| a second | statement |',
    '|-:|:-|',
    ...statements.slice(0, 10).map(({ calls, query }) => `| ${calls} | \`${short(query)}\` |`),
    '',
    missed.length === 0
      ? 'All targets met.'
      : `Missed:\n${missed.map((r) => `- ${r.name}: ${r.queries_per_second} queries a second (${r.cold_queries_per_second} with nothing remembered), target below ${TARGET}`).join('\n')}`,
  ].join('\n');
  await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(folder, 'polling.json'),
    `[\n${results.map((result) => `  ${JSON.stringify(result)}`).join(',\n')}\n]\n`,
  );
  await writeFile(path.join(folder, 'polling.md'), `${text}\n`);
  log(`\n${text}`);
  return missed.length === 0;
}
