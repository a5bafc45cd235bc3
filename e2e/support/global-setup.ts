import startTestServer from '../../test/harness/global-setup';
import { NO_BROWSER, ensureBrowser, missingFont } from './browser';
import { ensureBuild } from './build';
import { startPooler } from './pgbouncer';

/** Provides a browser, a build and a PostgreSQL server; test workers inherit the environment. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const browser = ensureBrowser();
  if (browser) process.env.GJC_BROWSER = browser;
  else if (process.env.CI === 'true') throw new Error(NO_BROWSER);
  else console.log(NO_BROWSER);
  const font = missingFont();
  if (font) console.log(font);
  process.env.GJC_E2E_MAIN = ensureBuild();
  const stopServer = await startTestServer();
  const pooler = await startPooler(
    process.env.TEST_DATABASE_URL || process.env.GJC_TEST_SERVER_URL,
  ).catch(async (error: unknown) => {
    await stopServer?.();
    throw error;
  });
  if (!pooler) return stopServer;
  return async () => {
    const transactionCount = await pooler.transactions();
    await pooler.stop();
    await stopServer?.();
    // Without any transaction the run would prove nothing about PgBouncer.
    if (transactionCount === 0) throw new Error('No console asked its database through PgBouncer.');
    console.log(`PgBouncer (transaction mode) carried at least ${transactionCount} transactions.`);
  };
}
