import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type pg from 'pg';
import { readEnv } from '../../lib/config/environment';
import { demoRows } from './data/demo-data';
import { insertInto, insertRows } from './data/rows';
import {
  DemoError,
  type Target,
  connect,
  createTables,
  inTransaction,
  refuseForeignTables,
} from './database';

export interface SeedOptions {
  /** The moment that the rows are made for; default: the database's clock. */
  now?: Date;
  /** Rows older than this are made anew; default: those that are there stay, however old. */
  maxAgeMs?: number;
  log?: (line: string) => void;
}

/**
 * Makes GoodJob's tables and fills them, unless the demo has done so before. Throws DemoError when the tables that
 * are there are not the demo's. Returns whether it filled them.
 */
export async function seedDemo(
  target: Target,
  { now, maxAgeMs = Number.POSITIVE_INFINITY, log = () => undefined }: SeedOptions = {},
): Promise<boolean> {
  const client = await connect(target, 'good_job_console_demo_seed');
  try {
    const { seededAt } = await refuseForeignTables(client);
    // The worker judges time by the database's clock, so the rows must be made by it too.
    const { rows } = await client.query<{ at: string }>(
      'SELECT extract(epoch FROM clock_timestamp())::text AS at',
    );
    const at = now?.getTime() ?? Math.floor(Number(rows[0]?.at ?? 0) * 1000);
    if (seededAt && at - seededAt.getTime() <= maxAgeMs) return false;
    log('Making 30,000 jobs of a made-up company.');
    const started = Date.now();
    await inTransaction(client, async () => {
      await createTables(client, target.schema, new Date(at));
      await insertRows(client, target.schema, demoRows(at * 1000));
      await insertSourceBatch(client, target.schema);
    });
    // Plans are then those of a database in use, not of tables just filled.
    await client.query('ANALYZE');
    log(`Made them in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
    return true;
  } finally {
    await client.end();
  }
}

/** The batch of GoodJob's own dashboard that the batch page is held against. */
async function insertSourceBatch(client: pg.ClientBase, schema: string): Promise<void> {
  const text = await readFile(
    new URL('../../test/fixtures/source-batch-rows.json', import.meta.url),
    'utf8',
  );
  const tables = JSON.parse(text) as Record<string, { created_at: string }[]>;
  for (const [table, rows] of Object.entries(tables)) await insertInto(client, schema, table, rows);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { databaseUrl: url, databaseCaFile: caFile, databaseSchema: schema } = readEnv(process.env);
  seedDemo({ url, caFile, schema }, { log: console.log }).then(
    (seeded) => seeded || console.log("The demo's data is there already."),
    (error: unknown) => {
      console.error(error instanceof DemoError ? error.message : error);
      process.exitCode = 1;
    },
  );
}
