import { readEnv } from '../../lib/config/environment';
import { isConnectionLoss } from '../../lib/db/connection';
import { GoodJobTables, detectSchema } from '../../lib/good-job/tables';
import { DEMO_APP } from './data/active-job';
import { Random } from './data/random';
import { DemoError, asTx, connect, refuseForeignTables } from './database';
import { type Capsule, startCapsule } from './worker/capsule';
import { type Producer, startProducer } from './worker/producer';
import { createPerform } from './worker/work';

/*
 * The demo worker: two GoodJob capsules and an app that enqueues jobs, on the demo tables of
 * DATABASE_URL. Ends on SIGTERM, SIGINT or a lost database.
 */

const env = readEnv(process.env);
const target = { url: env.databaseUrl, caFile: env.databaseCaFile, schema: env.databaseSchema };
const parts: (Capsule | Producer)[] = [];

async function stop(): Promise<void> {
  await Promise.all(parts.map((part) => part.stop()));
}

async function readSchema(): Promise<GoodJobTables> {
  const client = await connect(target, 'good_job_console_demo_worker');
  try {
    const { tables } = await refuseForeignTables(client);
    if (tables === 'none')
      throw new DemoError('This database contains no demo data: npm run demo creates it.');
    return new GoodJobTables(await detectSchema(asTx(client), target.schema), {
      appName: DEMO_APP,
      locale: 'ja',
      timeZone: 'Asia/Tokyo',
      dequeueQuerySort: 'created_at',
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function start(): Promise<void> {
  const tables = await readSchema();
  const random = new Random(Date.now());
  const perform = createPerform(random);
  parts.push(
    await startCapsule({
      target,
      tables,
      host: 'app-worker-1',
      cron: true,
      perform,
      schedulers: [{ queues: ['mailers', 'default', 'payments', 'webhooks'], threads: 2 }],
    }),
  );
  parts.push(
    await startCapsule({
      target,
      tables,
      host: 'app-worker-3',
      cron: false,
      perform,
      schedulers: [{ queues: [], threads: 2 }],
    }),
  );
  parts.push(await startProducer({ target, tables, random }));
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stop().then(() => process.exit(0));
  });
}
try {
  await start();
  console.log('The demo worker is running: app-worker-1 and app-worker-3, four threads.');
  // Resolves after stop(), rejects if the database is lost.
  await Promise.all(parts.map((part) => part.running));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const reason = isConnectionLoss(error) ? 'the database connection was lost.' : message;
  console.error(error instanceof DemoError ? error.message : `The demo worker ends: ${reason}`);
  process.exitCode = 1;
  await stop();
}
