import { startPostgres } from '../postgres/postgres';
import { testServerOptions } from './test-server';

/**
 * Starts one server for the whole run, on which each test file creates its database. The URL is
 * passed in the environment and not by `provide`, because demo and bench use the harness too.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Needed even with TEST_DATABASE_URL, because some tests start their own server.
  const options = await testServerOptions();
  if (process.env.TEST_DATABASE_URL) return undefined;
  const server = await startPostgres(options);
  process.env.GJC_TEST_SERVER_URL = server.url;
  // The developer's PGSSLMODE or PGOPTIONS are meant for another server.
  for (const name of Object.keys(process.env)) if (/^PG[A-Z]/.test(name)) delete process.env[name];
  return () => server.stop();
}
