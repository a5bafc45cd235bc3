import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Sql } from 'sql-template-tag';
import { ConsoleError } from '../../lib/core/errors';
import { connectionConfig, typeParsers } from '../../lib/db/connection';
import { type Tx, createTx } from '../../lib/db/database';
import { DEMO_COMMENT, quoteIdentifier, TABLES } from '../../lib/good-job/tables';

/** An error whose message is shown to the user; nothing was changed. */
export class DemoError extends Error {}

/** The database and the schema of its GoodJob tables. */
export interface Target {
  url: string;
  caFile: string | null;
  schema: string;
}

interface ExistingTables {
  tables: 'none' | 'demo' | 'foreign';
  /** When the demo tables were filled. */
  seededAt: Date | null;
}

/** Connects to the database. Throws DemoError if that fails. */
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
    // Without a listener a lost connection would end the process.
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

/** Only the fields that pg reads; sql-template-tag has getters for other drivers. */
export function asQuery({ text, values }: Sql): { text: string; values: unknown[] } {
  return { text, values };
}

/** Wraps a client for lib/good-job; the caller controls transactions. */
export function asTx(client: pg.ClientBase): Tx {
  return createTx(async (statement) => {
    const { rows } = await client.query<Record<string, unknown>>(asQuery(statement));
    return rows;
  });
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
    // A lost connection cannot roll back.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Searches every schema, because real jobs may be in another one than DATABASE_SCHEMA. */
async function findTables(client: pg.ClientBase): Promise<ExistingTables> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT obj_description(c.oid, 'pg_class') AS comment
     FROM pg_catalog.pg_class c
     WHERE c.relname = ANY($1)
       AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    [[...TABLES]],
  );
  if (rows.length === 0) return { tables: 'none', seededAt: null };
  if (!rows.every(({ comment }) => comment?.startsWith(DEMO_COMMENT)))
    return { tables: 'foreign', seededAt: null };
  const seeded = /seeded at (\S+)$/.exec(rows[0]?.comment ?? '')?.[1];
  return { tables: 'demo', seededAt: seeded === undefined ? null : new Date(seeded) };
}

/** Throws DemoError if the database has GoodJob tables that the demo did not create. */
export async function refuseForeignTables(client: pg.ClientBase): Promise<ExistingTables> {
  const existing = await findTables(client);
  if (existing.tables === 'foreign') {
    throw new DemoError(
      'The database of DATABASE_URL has GoodJob tables that the demo did not create: ' +
        'unset DATABASE_URL, or name an empty database (for your own data: npm start).',
    );
  }
  return existing;
}

/** Creates GoodJob's tables with the comment of the demo, replacing earlier demo tables. */
export async function createTables(
  client: pg.ClientBase,
  schema: string,
  seededAt: Date,
): Promise<void> {
  const createSql = await readFile(
    fileURLToPath(new URL('../../test/fixtures/good_job-4.19.2.sql', import.meta.url)),
    'utf8',
  );
  const tables = TABLES.map((table) => `${quoteIdentifier(schema)}.${table}`);
  await client.query(`DROP TABLE IF EXISTS ${tables.join(', ')}`);
  if (schema !== 'public')
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`);
  await client.query(createSql.replaceAll('public.', () => `${quoteIdentifier(schema)}.`));
  const comment = pg.escapeLiteral(`${DEMO_COMMENT}, seeded at ${seededAt.toISOString()}`);
  for (const table of tables) await client.query(`COMMENT ON TABLE ${table} IS ${comment}`);
}
