import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NO_PGBOUNCER, findPgBouncer } from '../../test/harness/pgbouncer';

/*
 * npm run test:pgbouncer: runs the browser tests of jobs, batches and writes with PgBouncer in
 * transaction mode. Arguments are passed to Playwright.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PLAYWRIGHT = fileURLToPath(new URL('../../node_modules/playwright/cli.js', import.meta.url));
/** Prefixes of spec files. */
const SPECS = [
  'attention',
  'batch-',
  'bulk',
  'chart',
  'cron',
  'gj-real',
  'hostile-input',
  'job-',
  'jobs-',
  'pauses',
  'polling',
  'search-box',
  'source-batch',
  'without-javascript',
];

if (findPgBouncer()) {
  const specs = SPECS.map((name) => `/${name}[^/]*\\.spec\\.ts$`);
  const args = [PLAYWRIGHT, 'test', ...specs, '--project=root', ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, GJC_E2E_PGBOUNCER: '1' },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} else if (process.env.CI === 'true') {
  console.error(NO_PGBOUNCER);
  process.exitCode = 1;
} else {
  console.log(`Skipped: ${NO_PGBOUNCER}`);
  console.log('browser behind PgBouncer: 0 passed, 0 failed, 1 skipped');
}
