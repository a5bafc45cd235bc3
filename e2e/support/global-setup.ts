import startTestServer from '../../test/harness/global-setup';
import { NO_BROWSER, ensureBrowser, missingFont } from './browser';
import { ensureBuild } from './build';

/** A browser, one build and one PostgreSQL for the whole run; the workers are started later and inherit the environment. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const browser = ensureBrowser();
  if (browser) process.env.GJC_BROWSER = browser;
  else if (process.env.CI === 'true') throw new Error(NO_BROWSER);
  else console.log(NO_BROWSER);
  const font = missingFont();
  if (font) console.log(font);
  process.env.GJC_E2E_MAIN = ensureBuild();
  return startTestServer();
}
