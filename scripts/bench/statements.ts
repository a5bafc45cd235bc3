import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres } from '../../test/postgres/postgres';
import { waitForReplay, startStandby } from '../../test/postgres/standby';
import { fill } from './fill';
import { HttpClient } from './measure';
import {
  type Statement,
  countStatements,
  resetStatements,
  totalCalls,
  waitUntilIdle,
} from './pg-stat-statements';
import { setUpSchema } from './polling';
import { describeMachine, describeMissed } from './report';
import { startConsole } from './server';

/*
 * Counts the statements of one view of each page and one poll of each endpoint, including those
 * after the response. Cold is the first view of a new server; warm views are measured with the
 * console's schema, without it, and on a hot standby.
 */

const JOBS = 20_000;
const WARM_VIEWS = 5;
const DETECT_AGAIN_MS = 2_100;
const MEASURED_MS = 30_000;
const POLL_MS = 1_000;

interface Target {
  name: string;
  path: string;
  /** Limit of statements per warm view. */
  limit: number;
}

const LIMITS = { page: 12, poll: 6, cold: 40, shared: 20 };
/** Responses shared by all viewers, limited to `LIMITS.shared` statements in ten seconds. */
const SHARED = ['/', '/attention', '/queues', '/api/attention', '/api/overview', '/api/queues'];

interface Cost extends Target {
  cold: number;
  warm: number;
  withoutSetup: number;
  standby: number;
}

const PAGES = [
  '/',
  '/jobs',
  '/jobs?state=discarded',
  '/batches',
  '/cron_entries',
  '/processes',
  '/pauses',
  '/cleaner',
  '/performance',
  '/queues',
  '/attention',
  '/bulk',
  '/audit',
];

async function listTargets(client: pg.Client): Promise<Target[]> {
  const value = async (statement: string) =>
    encodeURIComponent((await client.query<{ v: string }>(statement)).rows[0]?.v ?? '');
  const job = await value('SELECT id::text AS v FROM good_jobs WHERE error IS NOT NULL LIMIT 1');
  const batch = await value(
    `SELECT batch_id::text AS v
     FROM good_jobs
     WHERE batch_id IS NOT NULL
     LIMIT 1`,
  );
  const key = await value(
    `SELECT cron_key AS v
     FROM good_jobs
     WHERE cron_key > ''
     ORDER BY cron_key
     LIMIT 1`,
  );
  const jobClass = await value('SELECT job_class AS v FROM good_jobs LIMIT 1');
  const pages = [
    ...PAGES,
    `/jobs?job_class=${jobClass}`,
    `/jobs/${job}`,
    `/batches/${batch}`,
    ...(key ? [`/cron_entries/${key}`] : []),
    `/performance/${jobClass}`,
  ];
  const polls = [
    '/api/jobs?include=counts',
    '/api/jobs?state=discarded&include=counts',
    '/api/jobs/counts',
    `/api/jobs/${job}`,
    '/api/batches',
    `/api/batches/${batch}/status`,
    `/api/batches/${batch}/jobs`,
    '/api/cron_entries',
    ...(key ? [`/api/cron_entries/${key}`] : []),
    '/api/processes',
    '/api/pauses',
    '/api/queues',
    '/api/attention',
    '/api/overview',
    '/api/audit',
  ];
  const patternOf = (path: string) =>
    path.replace(/[0-9a-f-]{36}/, ':id').replace(/(cron_entries|performance)\/[^/?]+/, '$1/:key');
  return [
    ...pages.map((path) => ({ name: patternOf(path), path, limit: LIMITS.page })),
    ...polls.map((path) => ({ name: patternOf(path), path, limit: LIMITS.poll })),
  ];
}

/** Uses a new connection, because the server closes idle ones. */
async function view(origin: string, target: string): Promise<void> {
  const http = new HttpClient(origin);
  try {
    const { status } = await http.get(target);
    if (status !== 200) throw new Error(`GET ${target} returned status ${status}.`);
  } finally {
    http.close();
  }
}

async function measureCost(
  origin: string,
  target: string,
  client: pg.Client,
): Promise<Statement[]> {
  await resetStatements(client);
  await view(origin, target);
  await waitUntilIdle(client);
  return countStatements(client);
}

const median = (numbers: number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** The median of several views of each page, because a cache may expire during one of them. */
async function warmCosts(
  databaseUrl: string,
  client: pg.Client,
  targets: Target[],
  pauseMs: number,
  log: (line: string) => void,
  onStatements: (name: string, statements: Statement[]) => void = () => undefined,
): Promise<number[]> {
  const web = await startConsole(databaseUrl);
  try {
    const costs: number[] = [];
    for (const { name, path } of targets) {
      for (let n = 0; n < 2; n += 1) await view(web.origin, path);
      await waitUntilIdle(client);
      const calls: number[] = [];
      for (let n = 0; n < WARM_VIEWS; n += 1) {
        await sleep(pauseMs);
        const statements = await measureCost(web.origin, path, client);
        calls.push(totalCalls(statements));
        if (n === WARM_VIEWS - 1) onStatements(name, statements);
      }
      costs.push(median(calls));
      log(`${name}: ${calls.join(' ')}`);
    }
    return costs;
  } finally {
    await web.stop();
  }
}

async function coldCost(
  databaseUrl: string,
  client: pg.Client,
  { path }: Target,
): Promise<Statement[]> {
  const web = await startConsole(databaseUrl);
  try {
    await waitUntilIdle(client);
    return await measureCost(web.origin, path, client);
  } finally {
    await web.stop();
  }
}

/** Statements in ten seconds while five viewers poll once a second. */
async function sharedCost(databaseUrl: string, client: pg.Client, path: string): Promise<number> {
  const web = await startConsole(databaseUrl);
  const viewers = Array.from({ length: 5 }, (_, n) => n);
  try {
    for (const _ of viewers) await view(web.origin, path);
    await waitUntilIdle(client);
    await resetStatements(client);
    const until = performance.now() + MEASURED_MS;
    while (performance.now() < until) {
      await Promise.all(viewers.map(() => view(web.origin, path)));
      await sleep(POLL_MS);
    }
    await waitUntilIdle(client);
    return Math.ceil((totalCalls(await countStatements(client)) * 10_000) / MEASURED_MS);
  } finally {
    await web.stop();
  }
}

/** Measures, writes statements.json and statements.md, and returns whether all targets are met. */
export async function benchStatements(
  settings: Record<string, string>,
  folder: string,
  log: (line: string) => void,
): Promise<boolean> {
  const ownSettings = { ...settings, shared_preload_libraries: 'pg_stat_statements' };
  const server = await startPostgres({
    dataDir: path.join('.cache', 'bench-statements', 'postgres'),
    settings: ownSettings,
  });
  try {
    await fill(server.url, JOBS, log);
    const client = await connect(server.url);
    try {
      await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
      const targets = await listTargets(client);
      await client.query('DROP SCHEMA IF EXISTS good_job_console CASCADE');
      await setUpSchema(server.url);
      log("with the console's schema");
      const statements: { name: string; statements: Statement[] }[] = [];
      const warm = await warmCosts(server.url, client, targets, 0, log, (name, list) =>
        statements.push({ name, statements: list }),
      );
      log('cold');
      const cold: number[] = [];
      for (const target of targets) {
        const list = await coldCost(server.url, client, target);
        statements.push({ name: `${target.name}, cold`, statements: list });
        cold.push(totalCalls(list));
        log(`${target.name}, cold: ${totalCalls(list)}`);
      }
      log('shared');
      const shared: { name: string; calls: number }[] = [];
      for (const name of SHARED)
        shared.push({ name, calls: await sharedCost(server.url, client, name) });
      log('on a standby');
      const standby = await standbyCosts(server, ownSettings, client, targets, log);
      await client.query('DROP SCHEMA IF EXISTS good_job_console CASCADE');
      log("without the console's schema");
      const withoutSetup = await warmCosts(server.url, client, targets, DETECT_AGAIN_MS, log);
      const costs = targets.map((target, n): Cost => ({
        ...target,
        cold: cold[n] ?? 0,
        warm: warm[n] ?? 0,
        withoutSetup: withoutSetup[n] ?? 0,
        standby: standby[n] ?? 0,
      }));
      return await writeResults(folder, costs, shared, statements, log);
    } finally {
      await client.end();
    }
  } finally {
    await server.stop();
  }
}

async function standbyCosts(
  primary: Awaited<ReturnType<typeof startPostgres>>,
  settings: Record<string, string>,
  client: pg.Client,
  targets: Target[],
  log: (line: string) => void,
): Promise<number[]> {
  const standby = await startStandby(primary, { settings });
  try {
    const standbyClient = await connect(standby.url);
    try {
      await waitForReplay(client, standbyClient);
      return await warmCosts(standby.url, standbyClient, targets, DETECT_AGAIN_MS, log);
    } finally {
      await standbyClient.end();
    }
  } finally {
    await standby.stop();
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'good_job_console_bench',
  });
  await client.connect();
  return client;
}

async function writeResults(
  folder: string,
  costs: Cost[],
  shared: { name: string; calls: number }[],
  statements: { name: string; statements: Statement[] }[],
  log: (line: string) => void,
): Promise<boolean> {
  const missedTargets = [
    ...costs.flatMap(({ name, limit, cold, warm, withoutSetup, standby }) => [
      ...(Math.max(warm, withoutSetup, standby) > limit
        ? [`${name}: more than ${limit} warm`]
        : []),
      ...(cold > LIMITS.cold ? [`${name}: more than ${LIMITS.cold} cold`] : []),
    ]),
    ...shared.flatMap(({ name, calls }) =>
      calls > LIMITS.shared ? [`${name}: more than ${LIMITS.shared} in ten seconds`] : [],
    ),
  ];
  const text = [
    '# Bench of statements',
    '',
    '- Statements of one view or poll in pg_stat_statements, without BEGIN, SET and COMMIT, ' +
      `including those after the response; ${JOBS.toLocaleString('en')} jobs`,
    `- Cold: the first view of a new server. Warm: the median of ${WARM_VIEWS} views; without the ` +
      `console's schema and on a standby the views are ${DETECT_AGAIN_MS / 1000} s apart, ` +
      'so that each detects the schema again',
    `- ${describeMachine()}`,
    '',
    '| | warm | without setup | on a standby | target | cold | target |',
    '|:-|-:|-:|-:|-:|-:|-:|',
    ...costs.map(
      (c) =>
        `| ${c.name} | ${c.warm} | ${c.withoutSetup} | ${c.standby} | ${c.limit} | ${c.cold} | ${LIMITS.cold} |`,
    ),
    '',
    'Five viewers that poll once a second:',
    '',
    '| | statements in ten seconds | target |',
    '|:-|-:|-:|',
    ...shared.map(({ name, calls }) => `| ${name} | ${calls} | ${LIMITS.shared} |`),
    '',
    describeMissed(missedTargets),
  ].join('\n');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'statements.md'), `${text}\n`);
  await writeFile(
    path.join(folder, 'statements.json'),
    `${JSON.stringify({ costs, shared }, null, 1)}\n`,
  );
  await writeFile(
    path.join('.cache', 'bench-statements', 'list.json'),
    JSON.stringify(statements, null, 1),
  );
  log(`\n${text}`);
  return missedTargets.length === 0;
}
