import { type PgBouncer, startPgBouncer } from '../../test/harness/pgbouncer';

/** Set when PgBouncer stands between the consoles of this run and their databases: its port, and the server's host and port. */
const PORT = 'GJC_E2E_PGBOUNCER_PORT';
const SERVER = 'GJC_E2E_PGBOUNCER_SERVER';

/** In front of the run's own server, for the consoles that are started later; undefined: this run goes without. */
export async function startPooler(serverUrl: string | undefined): Promise<PgBouncer | undefined> {
  if (process.env.GJC_E2E_PGBOUNCER !== '1' || !serverUrl) return undefined;
  const pooler = await startPgBouncer(serverUrl);
  process.env[PORT] = String(pooler.port);
  process.env[SERVER] = new URL(serverUrl).host;
  return pooler;
}

/** The URL that a console gets for a database: through PgBouncer where there is one. The tests' own sessions take the direct way. */
export function consoleUrl(databaseUrl: string): string {
  const port = process.env[PORT];
  const url = new URL(databaseUrl);
  if (!port || url.host !== process.env[SERVER]) return databaseUrl;
  url.hostname = '127.0.0.1';
  url.port = port;
  return url.href;
}
