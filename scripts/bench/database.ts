import pg from 'pg';
import { detectConsoleSchema, setUpConsoleSchema } from '../../lib/console-schema/setup';
import { contextFor, type Ctx } from '../../lib/context/request-context';
import { openDatabase } from '../../lib/db/database';
import { GoodJobTables, detectSchema } from '../../lib/good-job/tables';
import type { EmbeddedPostgres } from '../../test/postgres/postgres';

const APPLICATION = 'good_job_console_bench';

/** Runs `use` with a client connected to `url`. */
export async function withClient<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: APPLICATION });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Recreates the database `name` as a copy of `filled`. */
export async function cloneDatabase(
  server: EmbeddedPostgres,
  name: string,
): Promise<{ url: string; drop: () => Promise<void> }> {
  const admin = async (statement: string) => {
    await withClient(server.url, (client) => client.query(statement));
  };
  const drop = () => admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await drop();
  await admin(`CREATE DATABASE ${name} TEMPLATE filled`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return { url: url.href, drop };
}

/** Sets up the console schema of a bench database and opens an admin's context on it. */
export async function openWritingContext(
  url: string,
  poolSize: number,
): Promise<{ ctx: Ctx; close: () => Promise<void> }> {
  const db = openDatabase({ url, caFile: null, poolSize, applicationName: APPLICATION });
  try {
    await db.write((tx) => setUpConsoleSchema(tx));
    const tables = new GoodJobTables(await db.read((tx) => detectSchema(tx, 'public')), {
      appName: 'bench-app',
      locale: 'en',
      timeZone: 'UTC',
      dequeueQuerySort: 'created_at',
    });
    const ctx = contextFor({
      viewer: { id: 'bench', role: 'admin' },
      db,
      tables,
      ...(await db.read(detectConsoleSchema)),
      requestId: 'bench',
      readOnly: false,
    });
    return { ctx, close: () => db.close() };
  } catch (error) {
    await db.close();
    throw error;
  }
}

/**
 * Clears the leases of the bulk runs, as after a crash, so that the server under test takes them.
 */
export async function releaseRuns(client: pg.Client): Promise<void> {
  await client.query(
    'UPDATE good_job_console.bulk_runs SET lease_owner = NULL, lease_expires_at = NULL',
  );
}
