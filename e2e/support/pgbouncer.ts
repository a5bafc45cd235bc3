import { type PgBouncer, startPgBouncer } from '../../test/harness/pgbouncer';

/**
 * Environment variables with the port of PgBouncer and the host of its server, if the run uses one.
 */
const PORT = 'GJC_E2E_PGBOUNCER_PORT';
const SERVER = 'GJC_E2E_PGBOUNCER_SERVER';

/** Starts PgBouncer for the consoles of this run; undefined if the run does not use it. */
export async function startPooler(serverUrl: string | undefined): Promise<PgBouncer | undefined> {
  if (process.env.GJC_E2E_PGBOUNCER !== '1' || !serverUrl) return undefined;
  const pooler = await startPgBouncer(serverUrl);
  process.env[PORT] = String(pooler.port);
  process.env[SERVER] = new URL(serverUrl).host;
  return pooler;
}

/** The database URL of a console, through PgBouncer if the run uses it; tests connect directly. */
export function consoleUrl(databaseUrl: string): string {
  const port = process.env[PORT];
  const url = new URL(databaseUrl);
  if (!port || url.host !== process.env[SERVER]) return databaseUrl;
  url.hostname = '127.0.0.1';
  url.port = port;
  return url.href;
}
