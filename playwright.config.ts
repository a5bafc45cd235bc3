import { defineConfig } from 'playwright/test';
import type { WorkerOptions } from './e2e/support/test';

/**
 * Specs that do not depend on the base path and run once. Single tests of this kind have the tag
 * `@any-path`.
 */
const BASE_PATH_INDEPENDENT = [
  '**/accessibility*.spec.ts',
  '**/database-*.spec.ts',
  '**/deployment.spec.ts',
  '**/old-page.spec.ts',
  '**/schema-*.spec.ts',
  '**/sign-in*.spec.ts',
  '**/permission-*.spec.ts',
  '**/hostile-*.spec.ts',
  '**/batch-stuck.spec.ts',
  '**/redaction.spec.ts',
  '**/performance.spec.ts',
  '**/gj-real.spec.ts',
  '**/job-rows.spec.ts',
  '**/large-texts.spec.ts',
  '**/layout-shift.spec.ts',
  '**/search-box.spec.ts',
  '**/triage.spec.ts',
  '**/undo.spec.ts',
  '**/why-waiting.spec.ts',
];

export default defineConfig<object, WorkerOptions>({
  testDir: 'e2e',
  outputDir: 'test-results',
  globalSetup: './e2e/support/global-setup.ts',
  workers: 2,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: Boolean(process.env.CI),
  // Shared CI machines stall. A test that passes on a retry is reported as flaky.
  retries: process.env.CI ? 2 : 0,
  reporter: [['list'], ['./e2e/support/closing-line.ts']],
  use: {
    locale: 'en-US',
    timezoneId: 'UTC',
    screenshot: 'only-on-failure',
    trace: process.env.CI ? 'off' : 'retain-on-failure',
  },
  // The same build runs at the root and at a prefix, which the server applies at start.
  projects: [
    { name: 'root', use: { basePath: '' } },
    {
      name: 'prefixed',
      use: { basePath: '/ops/good_job' },
      testIgnore: BASE_PATH_INDEPENDENT,
      grepInvert: /@any-path/,
    },
  ],
});
