import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { connectionConfig } from '../../lib/db/connection';
import { typeParsers } from '../../lib/db/types-parser';
import type { Tx } from '../../lib/db/types';
import { TABLES } from '../../lib/good-job/schema';
import { quoteIdentifier } from '../../lib/good-job/tables';

/** A sentence for whoever started the demo; nothing was changed. */
export class DemoError extends Error {}

/** Which database, and the schema of GoodJob's tables in it. */
export interface Target {
  url: string;
  schema: string;
}

/*
 * The demo's own tables carry a comment. Without it they are somebody's real jobs, which neither the seeding nor
 * the worker may touch.
 */
const MARK = 'good-job-console demo';

export interface Found {
  tables: 'none' | 'demo' | 'foreign';
  /** When the demo's tables were filled; null while that is not complete. */
  seededAt: Date | null;
}

export async function connect(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({ ...(await connectionConfig(url, process.env.DATABASE_CA_FILE || null)), application_name: applicationName, types: typeParsers });
  // A server that goes away ends the next query; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`SET TIME ZONE 'UTC'`);
  return client;
}

/** The client as lib/good-job takes it; the caller opens and ends its transactions. */
export function asTx(client: pg.ClientBase): Tx {
  return {
    async query<Row>({ text, values }: { text: string; values: unknown[] }) {
      return (await client.query({ text, values })).rows as Row[];
    },
  };
}

export async function inTransaction<T>(client: pg.ClientBase, fn: (tx: Tx) => Promise<T>): Promise<T> {
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

export async function lookAt(client: pg.ClientBase, schema: string): Promise<Found> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT obj_description(c.oid, 'pg_class') AS comment FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = ANY($2)`,
    [schema, [...TABLES]],
  );
  if (rows.length === 0) return { tables: 'none', seededAt: null };
  if (!rows.every(({ comment }) => comment?.startsWith(MARK))) return { tables: 'foreign', seededAt: null };
  const seeded = /seeded at (\S+)$/.exec(rows[0]?.comment ?? '')?.[1];
  return { tables: 'demo', seededAt: seeded === undefined ? null : new Date(seeded) };
}

/** Throws DemoError unless these tables are the demo's own, or there are none. */
export async function refuseForeignTables(client: pg.ClientBase, schema: string): Promise<Found> {
  const found = await lookAt(client, schema);
  if (found.tables === 'foreign') {
    throw new DemoError(`The database of DATABASE_URL has GoodJob tables in the schema "${schema}" that the demo did not make; the demo touches only its own: unset DATABASE_URL, or name an empty database (for your own data: npm start).`);
  }
  return found;
}

/** Called with null before the first row and with the time after the last. */
export async function mark(client: pg.ClientBase, schema: string, seededAt: Date | null): Promise<void> {
  const comment = pg.escapeLiteral(`${MARK}, ${seededAt ? `seeded at ${seededAt.toISOString()}` : 'being seeded'}`);
  for (const table of TABLES) await client.query(`COMMENT ON TABLE ${quoteIdentifier(schema)}.${table} IS ${comment}`);
}

/** GoodJob's tables as its own migration makes them, marked as the demo's; replaces the demo's earlier ones. */
export async function createTables(client: pg.ClientBase, schema: string): Promise<void> {
  const recorded = await readFile(fileURLToPath(new URL('../../test/fixtures/good_job-4.19.2.sql', import.meta.url)), 'utf8');
  const quoted = quoteIdentifier(schema);
  await client.query(`DROP TABLE IF EXISTS ${TABLES.map((table) => `${quoted}.${table}`).join(', ')}`);
  if (schema !== 'public') await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoted}`);
  await client.query(recorded.replaceAll('public.', () => `${quoted}.`));
  await mark(client, schema, null);
}
