import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres } from '../../test/harness/postgres';
import { caughtUp, startStandby } from '../../test/harness/standby';
import { fill } from './fill';
import { HttpClient } from './measure';
import {
  type Statement,
  countStatements,
  resetStatements,
  totalCalls,
  untilIdle,
} from './pg-stat-statements';
import { setUp } from './polling';
import { machine } from './report';
import { startConsole } from './server';

/*
 * What one view of each page, and one poll of each endpoint, costs the database in statements: by pg_stat_statements,
 * without BEGIN, SET and COMMIT, and with all that runs behind the answer. Cold is the first view of a server that has
 * just started; warm is a view among others, with the console's schema, without it, and on a hot standby.
 */

const JOBS = 20_000;
const WARM_VIEWS = 5;
const DETECT_AGAIN_MS = 2_100;
const WATCHED_MS = 30_000;
const POLL_MS = 1_000;

interface Target {
  name: string;
  path: string;
  /** Statements that one view may cost when warm. */
  most: number;
}

const MOST = { page: 12, poll: 6, cold: 40, shared: 20 };
/** Their answers are shared by all viewers: they may cost `MOST.shared` statements in ten seconds, however many ask. */
const SHARED = ['/attention', '/queues', '/api/attention', '/api/queues'];

interface Cost extends Target {
  cold: number;
  warm: number;
  withoutSetup: number;
  standby: number;
}

async function targetsOf(client: pg.Client): Promise<Target[]> {
  const value = async (statement: string) =>
    encodeURIComponent((await client.query<{ v: string }>(statement)).rows[0]?.v ?? '');
  const job = await value('SELECT id::text AS v FROM good_jobs WHERE error IS NOT NULL LIMIT 1');
  const batch = await value(
    'SELECT batch_id::text AS v FROM good_jobs WHERE batch_id IS NOT NULL LIMIT 1',
  );
  const key = await value(
    `SELECT cron_key AS v FROM good_jobs WHERE cron_key > '' ORDER BY cron_key LIMIT 1`,
  );
  const jobClass = await value('SELECT job_class AS v FROM good_jobs LIMIT 1');
  const pages = [
    '/jobs',
    '/jobs?state=discarded',
    `/jobs?job_class=${jobClass}`,
    `/jobs/${job}`,
    '/batches',
    `/batches/${batch}`,
    '/cron_entries',
    ...(key ? [`/cron_entries/${key}`] : []),
    '/processes',
    '/pauses',
    '/cleaner',
    '/performance',
    `/performance/${jobClass}`,
    '/queues',
    '/attention',
    '/bulk',
    '/audit',
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
    '/api/audit',
  ];
  const named = (path: string) =>
    path.replace(/[0-9a-f-]{36}/, ':id').replace(/(cron_entries|performance)\/[^/?]+/, '$1/:key');
  return [
    ...pages.map((path) => ({ name: named(path), path, most: MOST.page })),
    ...polls.map((path) => ({ name: named(path), path, most: MOST.poll })),
  ];
}

/** Over a connection of its own: the server closes one that was idle for some seconds. */
async function view(origin: string, target: string): Promise<void> {
  const http = new HttpClient(origin);
  try {
    const { status } = await http.get(target);
    if (status !== 200) throw new Error(`GET ${target} answered ${status}.`);
  } finally {
    http.close();
  }
}

async function costOf(origin: string, target: string, client: pg.Client): Promise<Statement[]> {
  await resetStatements(client);
  await view(origin, target);
  await untilIdle(client);
  return countStatements(client);
}

const median = (numbers: number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** Views of each page in quick succession; the median, since a cache that expires among them is loaded once for all. */
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
      await untilIdle(client);
      const calls: number[] = [];
      for (let n = 0; n < WARM_VIEWS; n += 1) {
        await sleep(pauseMs);
        const statements = await costOf(web.origin, path, client);
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
    await untilIdle(client);
    return await costOf(web.origin, path, client);
  } finally {
    await web.stop();
  }
}

/** Statements in ten seconds while five viewers ask once a second. */
async function sharedCost(databaseUrl: string, client: pg.Client, path: string): Promise<number> {
  const web = await startConsole(databaseUrl);
  const viewers = Array.from({ length: 5 }, (_, n) => n);
  try {
    for (const _ of viewers) await view(web.origin, path);
    await untilIdle(client);
    await resetStatements(client);
    const until = performance.now() + WATCHED_MS;
    while (performance.now() < until) {
      await Promise.all(viewers.map(() => view(web.origin, path)));
      await sleep(POLL_MS);
    }
    await untilIdle(client);
    return Math.ceil((totalCalls(await countStatements(client)) * 10_000) / WATCHED_MS);
  } finally {
    await web.stop();
  }
}

/** Runs it, writes statements.json and statements.md into `folder`; whether every target is met. */
export async function benchStatements(
  settings: Record<string, string>,
  folder: string,
  log: (line: string) => void,
): Promise<boolean> {
  const own = { ...settings, shared_preload_libraries: 'pg_stat_statements' };
  const server = await startPostgres({
    dataDir: path.join('.cache', 'bench-statements', 'postgres'),
    settings: own,
  });
  try {
    await fill(server.url, JOBS, log);
    const client = await connect(server.url);
    try {
      await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
      const targets = await targetsOf(client);
      await client.query('DROP SCHEMA IF EXISTS good_job_console CASCADE');
      await setUp(server.url);
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
      const standby = await standbyCosts(server, own, client, targets, log);
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
      return await write(folder, costs, shared, statements, log);
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
    const second = await connect(standby.url);
    try {
      await caughtUp(client, second);
      return await warmCosts(standby.url, second, targets, DETECT_AGAIN_MS, log);
    } finally {
      await second.end();
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

async function write(
  folder: string,
  costs: Cost[],
  shared: { name: string; calls: number }[],
  statements: { name: string; statements: Statement[] }[],
  log: (line: string) => void,
): Promise<boolean> {
  const missed = [
    ...costs.flatMap(({ name, most, cold, warm, withoutSetup, standby }) => [
      ...(Math.max(warm, withoutSetup, standby) > most ? [`${name}: more than ${most} warm`] : []),
      ...(cold > MOST.cold ? [`${name}: more than ${MOST.cold} cold`] : []),
    ]),
    ...shared.flatMap(({ name, calls }) =>
      calls > MOST.shared ? [`${name}: more than ${MOST.shared} in ten seconds`] : [],
    ),
  ];
  const text = [
    '# Bench of statements',
    '',
    `- Statements of one view or poll, by pg_stat_statements, without BEGIN, SET and COMMIT, with what runs behind the answer; ${JOBS.toLocaleString('en')} jobs`,
    `- Cold: the first view of a server that has just started. Warm: the median of ${WARM_VIEWS} views; without the console's schema and on a standby the views are ${DETECT_AGAIN_MS / 1000} s apart, so that each detects the schema anew`,
    `- ${machine()}`,
    '',
    '| | warm | without setup | on a standby | target | cold | target |',
    '|:-|-:|-:|-:|-:|-:|-:|',
    ...costs.map(
      (c) =>
        `| ${c.name} | ${c.warm} | ${c.withoutSetup} | ${c.standby} | ${c.most} | ${c.cold} | ${MOST.cold} |`,
    ),
    '',
    'Five viewers who ask once a second:',
    '',
    '| | statements in ten seconds | target |',
    '|:-|-:|-:|',
    ...shared.map(({ name, calls }) => `| ${name} | ${calls} | ${MOST.shared} |`),
    '',
    missed.length === 0
      ? 'All targets met.'
      : `Missed:\n${missed.map((line) => `- ${line}`).join('\n')}`,
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
  return missed.length === 0;
}
