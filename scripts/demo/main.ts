import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONSOLE_SCHEMA } from '../../lib/audit/recorder';
import { type Env, readEnv } from '../../lib/config/environment';
import { setUpConsoleSchema } from '../../lib/console-schema/setup';
import { ConsoleError } from '../../lib/core/errors';
import { openDatabase } from '../../lib/db/database';
import { freePort } from '../../test/postgres/free-port';
import { type EmbeddedPostgres, startPostgres } from '../../test/postgres/postgres';
import { type Child, startChild } from './children';
import { DEMO_APP } from './data/active-job';
import { insertDemoAudit } from './data/audit';
import { DEMO_BATCHES } from './data/batches';
import { type Target, connect } from './database';
import { seedDemo } from './seed';

/*
 * `npm run demo` starts an embedded PostgreSQL with demo jobs (or uses the empty database of
 * DATABASE_URL), a worker that runs them, and the production server.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DATA_FOLDER = path.join(ROOT, '.cache/demo/postgres');
/** Older demo data is recreated, because its scheduled jobs would have run. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;
/** The server drains for nine seconds. */
const SERVER_STOP_TIMEOUT_MS = 12_000;
const WORKER_STOP_TIMEOUT_MS = 5_000;
/** A second signal within this time is the same Ctrl-C, repeated by npm or tsx. */
const SAME_SIGNAL_MS = 1_000;

let postgres: EmbeddedPostgres | undefined;
let server: Child | undefined;
let worker: Child | undefined;
let stopping: Promise<void> | undefined;

/** Stops in this order, so that neither server nor worker loses its database. */
async function stopAll(): Promise<void> {
  await server?.stop(SERVER_STOP_TIMEOUT_MS);
  await worker?.stop(WORKER_STOP_TIMEOUT_MS);
  await postgres?.stop();
}

function exitDemo(code: number): Promise<void> {
  stopping ??= stopAll().then(
    () => process.exit(code),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
  return stopping;
}

function listenToSignals(): void {
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (first === 0) {
        first = Date.now();
        console.log('Stopping the demo.');
        void exitDemo(0);
      } else if (Date.now() - first > SAME_SIGNAL_MS) process.exit(1);
    });
  }
}

async function prepareDatabase(
  schema: string,
  databaseUrl: string | undefined,
  caFile: string | null,
): Promise<Target> {
  if (databaseUrl) {
    const target = { url: databaseUrl, caFile, schema };
    if (!(await seedDemo(target, { log: console.log })))
      console.log(
        "The database of DATABASE_URL has the demo's jobs already; they stay as they are.",
      );
    return target;
  }
  console.log('Starting PostgreSQL; the first time takes half a minute.');
  // Losing the last second in a crash does not matter for a demo.
  postgres = await startPostgres({ dataDir: DATA_FOLDER, settings: { synchronous_commit: 'off' } });
  // The embedded server has no TLS, whatever PGSSLMODE or DATABASE_CA_FILE are.
  const target = {
    url: `${await postgres.createDatabase('good_job_console_demo')}?sslmode=disable`,
    caFile: null,
    schema,
  };
  const wasSeeded = await seedDemo(target, { maxAgeMs: MAX_AGE_MS, log: console.log });
  // Recreated jobs have the same ids and must not inherit the audit of earlier ones.
  if (wasSeeded) await dropConsoleSchema(target);
  return target;
}

async function dropConsoleSchema(target: Target): Promise<void> {
  const client = await connect(target, 'good_job_console_demo');
  await client.query(`DROP SCHEMA IF EXISTS ${CONSOLE_SCHEMA} CASCADE`);
  await client.end();
}

async function createConsoleSchema(env: Env): Promise<void> {
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
    // Without its schema the console still works and prints the audit records.
    if (!(error instanceof ConsoleError && error.code === 'no_permission')) throw error;
    console.log(
      `This role may not create the schema ${CONSOLE_SCHEMA}: ` +
        'the console will print its audit here.',
    );
  } finally {
    await db.close();
  }
}

/** Waits without a limit, because the server may have to be built first. */
async function waitUntilReady(base: string): Promise<void> {
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
  const databaseUrl = process.env.DATABASE_URL || undefined;
  const {
    databaseSchema,
    databaseCaFile,
    port: requestedPort,
  } = readEnv({ ...process.env, DATABASE_URL: databaseUrl ?? 'postgres://' });
  const target = await prepareDatabase(databaseSchema, databaseUrl, databaseCaFile);
  const port = await freePort(requestedPort);
  if (requestedPort !== 0 && port !== requestedPort)
    console.log(`Port ${requestedPort} is in use; the demo takes ${port}.`);
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
  await createConsoleSchema(env);
  if (stopping) return;

  worker = startChild('demo worker', 'scripts/demo/worker.ts', {
    cwd: ROOT,
    env: environment,
    nodeArguments: ['--conditions=react-server'],
  });
  server = startChild('server', 'scripts/start.mjs', { cwd: ROOT, env: environment });
  for (const child of [worker, server]) {
    void child.ended.then((description) => {
      if (stopping) return;
      console.error(`The ${child.name} ${description}; the demo ends.`);
      void exitDemo(1);
    });
  }
  const base = `http://${env.host === '::1' ? '[::1]' : env.host}:${port}${env.basePath}`;
  await waitUntilReady(base);
  printPages(base);
}

function printPages(base: string): void {
  const pages: [path: string, description: string][] = [
    ['/batches', 'batches of every kind'],
    [`/batches/${DEMO_BATCHES.running}`, 'a running batch'],
    [`/batches/${DEMO_BATCHES.hanging}`, 'a stuck batch and the reason'],
    [`/batches/${DEMO_BATCHES.manyDiscarded}`, '640 discarded jobs to retry'],
    [`/batches/${DEMO_BATCHES.source}`, "the example batch of GoodJob's dashboard"],
    ['/jobs?state=discarded', 'discarded jobs'],
    ['/cron_entries', 'cron schedules and their runs'],
    ['/pauses', 'pauses and waiting jobs'],
    ['/audit', 'the audit log'],
  ];
  console.log(
    [
      '',
      `The demo is ready: ${base}/`,
      ...pages.map(([page, description]) => `  ${base}${page}  ${description}`),
      'Ctrl-C ends it.',
      '',
    ].join('\n'),
  );
}

listenToSignals();
start().catch((error: unknown) => {
  // Errors caused by stopping are expected.
  if (stopping) return;
  const cause = error instanceof ConsoleError && error.cause instanceof Error ? error.cause : error;
  console.error(cause instanceof Error ? cause.message : String(cause));
  void exitDemo(1);
});
