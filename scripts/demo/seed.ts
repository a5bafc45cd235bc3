import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type pg from 'pg';
import { z } from 'zod';
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

interface SeedOptions {
  /** The time that the rows end at; default: the database's clock. */
  now?: Date;
  /** Older rows are recreated; default: existing rows are kept. */
  maxAgeMs?: number;
  log?: (line: string) => void;
}

/**
 * Creates and fills GoodJob's tables unless they contain recent demo rows. Returns whether it
 * filled them. Throws DemoError if the existing tables are not the demo's.
 */
export async function seedDemo(
  target: Target,
  { now, maxAgeMs = Number.POSITIVE_INFINITY, log = () => undefined }: SeedOptions = {},
): Promise<boolean> {
  const client = await connect(target, 'good_job_console_demo_seed');
  try {
    const { seededAt } = await refuseForeignTables(client);
    // The worker uses the database's clock, so the rows must too.
    const { rows } = await client.query<{ at: string }>(
      'SELECT extract(epoch FROM clock_timestamp())::text AS at',
    );
    const at = now?.getTime() ?? Math.floor(Number(rows[0]?.at ?? 0) * 1000);
    if (seededAt && at - seededAt.getTime() <= maxAgeMs) return false;
    log('Creating 30,000 demo jobs.');
    const startedAt = Date.now();
    await inTransaction(client, async () => {
      await createTables(client, target.schema, new Date(at));
      await insertRows(client, target.schema, demoRows(at * 1000));
      await insertSourceBatch(client, target.schema);
    });
    // Without statistics the planner would treat the tables as empty.
    await client.query('ANALYZE');
    log(`Created them in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
    return true;
  } finally {
    await client.end();
  }
}

/** Rows by table name. */
const sourceRows = z.record(z.string(), z.array(z.looseObject({ created_at: z.string() })));

/**
 * Inserts the batch whose page in GoodJob's dashboard was recorded, to compare the console's page
 * with it.
 */
async function insertSourceBatch(client: pg.ClientBase, schema: string): Promise<void> {
  const text = await readFile(
    new URL('../../test/fixtures/source-batch-rows.json', import.meta.url),
    'utf8',
  );
  const tables = sourceRows.parse(JSON.parse(text));
  for (const [table, rows] of Object.entries(tables)) await insertInto(client, schema, table, rows);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { databaseUrl: url, databaseCaFile: caFile, databaseSchema: schema } = readEnv(process.env);
  seedDemo({ url, caFile, schema }, { log: console.log }).then(
    (seeded) => seeded || console.log('The database contains the demo data already.'),
    (error: unknown) => {
      console.error(error instanceof DemoError ? error.message : error);
      process.exitCode = 1;
    },
  );
}
