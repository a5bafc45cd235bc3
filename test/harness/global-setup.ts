import { startPostgres } from './postgres';
import { testServerOptions } from './test-server';

/**
 * One server for the whole run; every test file makes its own database on it through testDatabase().
 * The workers are started later and inherit the environment. Vitest's own `provide` would tie the harness, which demo and bench use too, to Vitest.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Before the next line: some tests start a server of their own beside the one of TEST_DATABASE_URL.
  const options = await testServerOptions();
  if (process.env.TEST_DATABASE_URL) return undefined;
  const server = await startPostgres(options);
  process.env.GJC_TEST_SERVER_URL = server.url;
  // A developer's own PGSSLMODE or PGOPTIONS are meant for another server.
  for (const name of Object.keys(process.env)) if (/^PG[A-Z]/.test(name)) delete process.env[name];
  return () => server.stop();
}
