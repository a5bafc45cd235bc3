import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { setUpConsoleSchema } from '../../lib/console-schema/setup';
import { openDatabase } from '../../lib/db/database';
import { jobFilterParams, parseJobFilter } from '../../lib/jobs/filters';
import { startPostgres } from '../../test/postgres/postgres';
import { fill } from './fill';
import { HttpClient, percentile } from './measure';
import { type Statement, countStatements, resetStatements, totalCalls } from './pg-stat-statements';
import { describeMachine } from './report';
import { startConsole } from './server';

/*
 * Measures the database load of open /jobs pages: each poller has its own filter and sends the
 * requests of the page, and pg_stat_statements counts the statements.
 */

const JOBS = 20_000;
const POLLERS = 50;
const EVERY_MS = 5_000;
const WARM_UP_MS = 10_000;
const MEASURED_MS = 25_000;
const TARGET = 30;
/**
 * Pollers that also show the chart, which refreshes every 15 s (components/chart/chart-panel.tsx).
 */
const CHART_POLLERS = 5;
const CHART_EVERY = 3;

interface PollingResult {
  name: string;
  pollers: number;
  requests: number;
  queries_per_second: number;
  /** The rate without any cache: the statements of one refresh of every page, per interval. */
  cold_queries_per_second: number;
  transactions_per_second: number;
  p50_ms: number;
  p95_ms: number;
}

/** The most frequent values of the jobs, most frequent first. */
interface FrequentValues {
  classes: string[];
  queues: string[];
  labels: string[];
  batches: string[];
}

async function findFrequentValues(client: pg.Client): Promise<FrequentValues> {
  const findValues = async (expression: string, from: string, limit: number) => {
    const { rows } = await client.query<{ value: string }>(
      `SELECT ${expression} AS value
       FROM ${from}
       GROUP BY 1
       ORDER BY count(*) DESC, 1
       LIMIT ${limit}`,
    );
    return rows.map(({ value }) => value);
  };
  return {
    classes: await findValues('job_class', 'good_jobs', 12),
    queues: await findValues('queue_name', 'good_jobs', 8),
    labels: await findValues('label', 'good_jobs, unnest(labels) label', 4),
    batches: await findValues('batch_id::text', 'good_jobs WHERE batch_id IS NOT NULL', 2),
  };
}

/** Fifty different pages: tabs, one or two terms, texts, batches, columns and sorts. */
async function findPages(client: pg.Client): Promise<string[]> {
  const { classes, queues, labels, batches } = await findFrequentValues(client);
  const q = (text: string, params: Record<string, string> = {}) =>
    String(new URLSearchParams({ ...params, q: text }));
  const queries = [
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
  return [...new Set(queries)].slice(0, POLLERS);
}

/** The poll URL of the page with this query, as app/(console)/jobs/page.tsx builds it. */
function pollUrl(query: string): string {
  const params = new URLSearchParams(query);
  const filter = parseJobFilter(params);
  const columns = params.get('columns');
  const pollParams = new URLSearchParams({
    ...jobFilterParams(filter, filter.cursor),
    ...(columns ? { columns } : {}),
  });
  return `/api/jobs?${pollParams}`;
}

/** Sends one poll of a page and returns its duration in ms. */
async function refresh(
  client: HttpClient,
  query: string,
  params: Record<string, string>,
): Promise<number> {
  const url = pollUrl(query);
  const { ms, status } = await client.get(
    `${url}${url.endsWith('?') ? '' : '&'}${new URLSearchParams(params)}`,
  );
  if (status !== 200) throw new Error(`GET ${url} returned status ${status}.`);
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
  // Spread the pollers over the interval.
  await sleep((EVERY_MS * n) / POLLERS);
  try {
    for (let round = 0; performance.now() < until; round += 1) {
      const hasChart = n < CHART_POLLERS && round % CHART_EVERY === 0;
      record(
        await refresh(client, query, {
          ...(hasChart ? { range: 'hour', by: 'state' } : {}),
          include: hasChart ? 'counts,chart' : 'counts',
        }),
      );
      // The page waits for the interval after each response.
      await sleep(EVERY_MS);
    }
  } finally {
    client.close();
  }
}

/**
 * Measures, writes polling.json and polling.md to `folder`, and returns whether the target is met.
 */
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
        if (consoleSchema) await setUpSchema(server.url);
        const name = `${POLLERS} filters, ${consoleSchema ? 'with' : 'without'} the console's schema`;
        const measurement = await measurePolling(server.url, client, name, log);
        results.push(measurement.result);
        if (consoleSchema) statements.push(...measurement.statements);
      }
      return await writeResults(folder, results, statements, log);
    } finally {
      await client.end();
    }
  } finally {
    await server.stop();
  }
}

/** Counts the statements of polling every page once with empty caches. */
async function refreshAll(origin: string, queries: string[], client: pg.Client): Promise<number> {
  const http = new HttpClient(origin);
  try {
    // The first request detects the schema.
    await http.get('/jobs?q=class:None');
    await resetStatements(client);
    for (const query of queries) await refresh(http, query, { include: 'counts' });
    return totalCalls(await countStatements(client));
  } finally {
    http.close();
  }
}

export async function setUpSchema(url: string): Promise<void> {
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
  const queries = await findPages(client);
  if (queries.length !== POLLERS)
    throw new Error(`${POLLERS} pollers need as many filters, but there are ${queries.length}.`);
  const web = await startConsole(url);
  try {
    const cold = await refreshAll(web.origin, queries, client);
    const times: number[] = [];
    let isMeasured = false;
    // Pollers continue until after the measurement.
    const until = performance.now() + WARM_UP_MS + MEASURED_MS + EVERY_MS;
    const pollers = Promise.all(
      queries.map((query, n) =>
        poll(web.origin, query, n, until, (ms) => isMeasured && times.push(ms)),
      ),
    );
    const measurement = (async () => {
      await sleep(WARM_UP_MS);
      await resetStatements(client);
      isMeasured = true;
      const startedAt = performance.now();
      await sleep(MEASURED_MS);
      isMeasured = false;
      const seconds = (performance.now() - startedAt) / 1000;
      const statements = await countStatements(client);
      const { rows } = await client.query<{ calls: number }>(
        `SELECT coalesce(sum(calls), 0)::int AS calls
         FROM pg_stat_statements
         WHERE query ~ '^BEGIN'`,
      );
      return { seconds, statements, transactions: rows[0]?.calls ?? 0 };
    })();
    const [{ seconds, statements, transactions }] = await Promise.all([measurement, pollers]);
    const rate = (n: number) => Math.round((n / seconds) * 10) / 10;
    const result: PollingResult = {
      name,
      pollers: POLLERS,
      requests: times.length,
      queries_per_second: rate(totalCalls(statements)),
      cold_queries_per_second: (cold * 1000) / EVERY_MS,
      transactions_per_second: rate(transactions),
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

async function writeResults(
  folder: string,
  results: PollingResult[],
  statements: Statement[],
  log: (line: string) => void,
): Promise<boolean> {
  const missedResults = results.filter(
    (result) => Math.max(result.queries_per_second, result.cold_queries_per_second) >= TARGET,
  );
  const missedLine = (r: PollingResult) =>
    `- ${r.name}: ${r.queries_per_second} queries per second ` +
    `(${r.cold_queries_per_second} cold), target below ${TARGET}`;
  const short = (query: string) =>
    query.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim().slice(0, 110);
  const text = [
    '# Bench of polling',
    '',
    `- ${POLLERS} pages of /jobs, each with another filter (${CHART_POLLERS} with the chart), ` +
      `refreshing every ${EVERY_MS / 1000} s; ${JOBS.toLocaleString('en')} jobs; ` +
      'queries by pg_stat_statements, without BEGIN, SET and COMMIT',
    '- "cold": the statements of the first refresh of every page, per interval. The server caches ' +
      'counts for some seconds, longer if they were slow, so a busy machine measures fewer',
    `- ${describeMachine()}`,
    '',
    '| | requests | queries per second | target | cold | transactions per second | p50 ms | p95 ms |',
    '|:-|-:|-:|-:|-:|-:|-:|-:|',
    ...results.map(
      (r) =>
        `| ${r.name} | ${r.requests} | ${r.queries_per_second} | < ${TARGET} ` +
        `| ${r.cold_queries_per_second} | ${r.transactions_per_second} ` +
        `| ${r.p50_ms} | ${r.p95_ms} |`,
    ),
    '',
    "The most frequent statements, with the console's schema:",
    '',
    '| per second | statement |',
    '|-:|:-|',
    ...statements.slice(0, 10).map(({ calls, query }) => `| ${calls} | \`${short(query)}\` |`),
    '',
    missedResults.length === 0
      ? 'All targets met.'
      : `Missed:\n${missedResults.map(missedLine).join('\n')}`,
  ].join('\n');
  await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(folder, 'polling.json'),
    `[\n${results.map((result) => `  ${JSON.stringify(result)}`).join(',\n')}\n]\n`,
  );
  await writeFile(path.join(folder, 'polling.md'), `${text}\n`);
  log(`\n${text}`);
  return missedResults.length === 0;
}
