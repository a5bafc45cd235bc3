import pg from 'pg';
import { detectConsoleSchema, setUpConsoleSchema } from '../../lib/console-schema/setup';
import { contextFor } from '../../lib/context/request-context';
import type { Ctx } from '../../lib/context/types';
import { openDatabase } from '../../lib/db/database';
import { detectSchema } from '../../lib/good-job/schema';
import { GoodJobTables } from '../../lib/good-job/tables';
import type { EmbeddedPostgres } from '../../test/harness/postgres';

const APPLICATION = 'good_job_console_bench';

/** What `use` returns; the client is connected to `url` while it runs. */
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

/** Makes the database `name` anew as a copy of `filled`; returns its URL and what removes it. */
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

/** An admin's context in this process on a database of the bench, whose console schema it sets up. */
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

/** Leaves the bulk runs as a server does that ends at once: the server under test takes their leases. */
export async function releaseRuns(client: pg.Client): Promise<void> {
  await client.query(
    'UPDATE good_job_console.bulk_runs SET lease_owner = NULL, lease_expires_at = NULL',
  );
}
