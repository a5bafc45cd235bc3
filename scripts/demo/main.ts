import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONSOLE_SCHEMA } from '../../lib/audit/recorder';
import { type Env, readEnv } from '../../lib/config/environment';
import { setUpConsoleSchema } from '../../lib/console-schema/setup';
import { ConsoleError } from '../../lib/core/errors';
import { openDatabase } from '../../lib/db/database';
import { freePort } from '../../test/harness/free-port';
import { type EmbeddedPostgres, startPostgres } from '../../test/harness/postgres';
import { type Child, startChild } from './children';
import { DEMO_APP } from './data/active-job';
import { insertDemoAudit } from './data/audit';
import { DEMO_BATCHES } from './data/batches';
import { type Target, connect } from './database';
import { seedDemo } from './seed';

/*
 * npm run demo: an embedded PostgreSQL with made-up jobs (or the empty database of DATABASE_URL), a worker that
 * moves them, and the production server. Everything ends with this process.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DATA = path.join(ROOT, '.cache/demo/postgres');
/** Older jobs would make a dull demo: most of what is scheduled would be over. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;
/** The server drains for nine seconds. */
const SERVER_PATIENCE_MS = 12_000;
const WORKER_PATIENCE_MS = 5_000;
/** A second signal within this time is the same Ctrl-C, passed on by npm or tsx. */
const SAME_SIGNAL_MS = 1_000;

let postgres: EmbeddedPostgres | undefined;
let server: Child | undefined;
let worker: Child | undefined;
let stopping: Promise<void> | undefined;

/** In this order: no page meets a missing database, no worker loses its own. */
async function stopAll(): Promise<void> {
  await server?.stop(SERVER_PATIENCE_MS);
  await worker?.stop(WORKER_PATIENCE_MS);
  await postgres?.stop();
}

function finish(code: number): Promise<void> {
  return (stopping ??= stopAll().then(
    () => process.exit(code),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  ));
}

function listenToSignals(): void {
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (first === 0) {
        first = Date.now();
        console.log('Stopping the demo.');
        void finish(0);
      } else if (Date.now() - first > SAME_SIGNAL_MS) process.exit(1);
    });
  }
}

async function prepareDatabase(
  schema: string,
  given: string | undefined,
  caFile: string | null,
): Promise<Target> {
  if (given) {
    const target = { url: given, caFile, schema };
    if (!(await seedDemo(target, { log: console.log })))
      console.log(
        "The database of DATABASE_URL has the demo's jobs already; they stay as they are.",
      );
    return target;
  }
  console.log('Starting PostgreSQL; the first time takes half a minute.');
  // A crash of the machine may cost the last second of a demo.
  postgres = await startPostgres({ dataDir: DATA, settings: { synchronous_commit: 'off' } });
  // It offers no TLS, whatever PGSSLMODE or DATABASE_CA_FILE ask for elsewhere.
  const target = {
    url: `${await postgres.createDatabase('good_job_console_demo')}?sslmode=disable`,
    caFile: null,
    schema,
  };
  const fresh = await seedDemo(target, { maxAgeMs: MAX_AGE_MS, log: console.log });
  // Jobs made anew bear the ids of those before them, which must not inherit their audit.
  if (fresh) await dropConsoleSchema(target);
  return target;
}

async function dropConsoleSchema(target: Target): Promise<void> {
  const client = await connect(target, 'good_job_console_demo');
  await client.query(`DROP SCHEMA IF EXISTS ${CONSOLE_SCHEMA} CASCADE`);
  await client.end();
}

async function makeConsoleSchema(env: Env): Promise<void> {
  const db = openDatabase({
    url: env.databaseUrl,
    caFile: env.databaseCaFile,
    poolSize: 1,
    applicationName: 'good_job_console_demo',
  });
  try {
    await db.migrate((tx) => setUpConsoleSchema(tx));
    await db.write((tx) => insertDemoAudit(tx, env.databaseSchema));
  } catch (error) {
    // The console works without; its audit then goes to stdout.
    if (!(error instanceof ConsoleError && error.code === 'no_permission')) throw error;
    console.log(
      `This role may not make the schema ${CONSOLE_SCHEMA}: the console will print its audit here.`,
    );
  } finally {
    await db.close();
  }
}

/** Waits as long as it takes: without a build, the server's start makes one first. */
async function untilReady(base: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${base}/healthz`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    await response?.arrayBuffer();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function start(): Promise<void> {
  const given = process.env.DATABASE_URL || undefined;
  const {
    databaseSchema,
    databaseCaFile,
    port: wanted,
  } = readEnv({ ...process.env, DATABASE_URL: given ?? 'postgres://' });
  const target = await prepareDatabase(databaseSchema, given, databaseCaFile);
  const port = await freePort(wanted);
  if (wanted !== 0 && port !== wanted)
    console.log(`Port ${wanted} is in use; the demo takes ${port}.`);
  const environment = {
    GOOD_JOB_APP_LOCALE: 'ja',
    GOOD_JOB_APP_TIME_ZONE: 'Asia/Tokyo',
    CRON_FILE: path.join(ROOT, 'scripts/demo/cron.yml'),
    ...process.env,
    DATABASE_URL: target.url,
    DATABASE_SCHEMA: target.schema,
    DEMO: '1',
    GOOD_JOB_APP_NAME: DEMO_APP,
    PORT: String(port),
  };
  const env = readEnv(environment);
  await makeConsoleSchema(env);
  if (stopping) return;

  worker = startChild('demo worker', 'scripts/demo/worker.ts', {
    cwd: ROOT,
    env: environment,
    nodeArguments: ['--conditions=react-server'],
  });
  server = startChild('server', 'scripts/start.mjs', { cwd: ROOT, env: environment });
  for (const child of [worker, server]) {
    void child.ended.then((how) => {
      if (stopping) return;
      console.error(`The ${child.name} ${how}; the demo ends.`);
      void finish(1);
    });
  }
  const base = `http://${env.host === '::1' ? '[::1]' : env.host}:${port}${env.basePath}`;
  await untilReady(base);
  const pages: [path: string, what: string][] = [
    ['/batches', 'batches of every kind'],
    [`/batches/${DEMO_BATCHES.running}`, 'one that is at work'],
    [`/batches/${DEMO_BATCHES.hanging}`, 'one that hangs, and why'],
    [`/batches/${DEMO_BATCHES.manyDiscarded}`, '640 discarded jobs to retry'],
    [`/batches/${DEMO_BATCHES.source}`, "the example batch of GoodJob's own dashboard"],
    ['/jobs?state=discarded', 'what failed'],
    ['/cron_entries', 'schedules and how they went'],
    ['/pauses', 'what is paused, and what waits'],
    ['/audit', 'who did what'],
  ];
  console.log(
    [
      '',
      `The demo is ready: ${base}/`,
      ...pages.map(([page, what]) => `  ${base}${page}  ${what}`),
      'Ctrl-C ends it.',
      '',
    ].join('\n'),
  );
}

listenToSignals();
start().catch((error: unknown) => {
  // What is cut off by stopping is no news.
  if (stopping) return;
  const cause = error instanceof ConsoleError && error.cause instanceof Error ? error.cause : error;
  console.error(cause instanceof Error ? cause.message : String(cause));
  void finish(1);
});
