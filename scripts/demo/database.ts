import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { DEMO_MARK } from '../../lib/context/startup';
import { ConsoleError } from '../../lib/core/errors';
import { connectionConfig, typeParsers } from '../../lib/db/connection';
import { type Tx, createTx } from '../../lib/db/database';
import { TABLES } from '../../lib/good-job/schema';
import { quoteIdentifier } from '../../lib/good-job/tables';

/** A sentence for whoever started the demo; nothing was changed. */
export class DemoError extends Error {}

/** Which database, and the schema of GoodJob's tables in it. */
export interface Target {
  url: string;
  caFile: string | null;
  schema: string;
}

export interface Found {
  tables: 'none' | 'demo' | 'foreign';
  /** When the demo's tables were filled. */
  seededAt: Date | null;
}

/** Throws DemoError when the database cannot be had. */
export async function connect(
  { url, caFile }: Pick<Target, 'url' | 'caFile'>,
  applicationName: string,
): Promise<pg.Client> {
  try {
    const client = new pg.Client({
      ...(await connectionConfig(url, caFile)),
      application_name: applicationName,
      types: typeParsers,
    });
    // A server that goes away ends the next query; without a listener it would end the process.
    client.on('error', () => undefined);
    await client.connect();
    await client.query(`SET TIME ZONE 'UTC'`);
    return client;
  } catch (error) {
    const cause =
      error instanceof ConsoleError && error.cause instanceof Error ? error.cause : error;
    throw new DemoError(
      `The database cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}

/** The client as lib/good-job takes it; the caller opens and ends its transactions. */
export function asTx(client: pg.ClientBase): Tx {
  return createTx(
    async ({ text, values }) =>
      (await client.query<Record<string, unknown>>({ text, values })).rows,
  );
}

export async function inTransaction<T>(
  client: pg.ClientBase,
  fn: (tx: Tx) => Promise<T>,
): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await fn(asTx(client));
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // A connection that is gone has nothing to undo.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Looks in every schema: somebody's jobs may be in another one than DATABASE_SCHEMA says. */
async function lookAt(client: pg.ClientBase): Promise<Found> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT obj_description(c.oid, 'pg_class') AS comment FROM pg_catalog.pg_class c WHERE c.relname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    [[...TABLES]],
  );
  if (rows.length === 0) return { tables: 'none', seededAt: null };
  if (!rows.every(({ comment }) => comment?.startsWith(DEMO_MARK)))
    return { tables: 'foreign', seededAt: null };
  const seeded = /seeded at (\S+)$/.exec(rows[0]?.comment ?? '')?.[1];
  return { tables: 'demo', seededAt: seeded === undefined ? null : new Date(seeded) };
}

/** Throws DemoError unless the GoodJob tables of this database are the demo's own, or there are none. */
export async function refuseForeignTables(client: pg.ClientBase): Promise<Found> {
  const found = await lookAt(client);
  if (found.tables === 'foreign') {
    throw new DemoError(
      'The database of DATABASE_URL has GoodJob tables that the demo did not make, and the demo touches only its own: unset DATABASE_URL, or name an empty database (for your own data: npm start).',
    );
  }
  return found;
}

/** GoodJob's tables as its own migration makes them, marked as the demo's; replaces the demo's earlier ones. */
export async function createTables(
  client: pg.ClientBase,
  schema: string,
  seededAt: Date,
): Promise<void> {
  const recorded = await readFile(
    fileURLToPath(new URL('../../test/fixtures/good_job-4.19.2.sql', import.meta.url)),
    'utf8',
  );
  const tables = TABLES.map((table) => `${quoteIdentifier(schema)}.${table}`);
  await client.query(`DROP TABLE IF EXISTS ${tables.join(', ')}`);
  if (schema !== 'public')
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`);
  await client.query(recorded.replaceAll('public.', () => `${quoteIdentifier(schema)}.`));
  const comment = pg.escapeLiteral(`${DEMO_MARK}, seeded at ${seededAt.toISOString()}`);
  for (const table of tables) await client.query(`COMMENT ON TABLE ${table} IS ${comment}`);
}
