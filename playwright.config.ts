import { defineConfig } from 'playwright/test';
import type { WorkerOptions } from './e2e/support/test';

/** Specs in which the base path plays no part: one run says it all. Single tests of that kind have the tag `@any-path`. */
const SAME_AT_ANY_PATH = [
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
];

export default defineConfig<object, WorkerOptions>({
  testDir: 'e2e',
  outputDir: 'test-results',
  globalSetup: './e2e/support/global-setup.ts',
  workers: 2,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: Boolean(process.env.CI),
  // A shared machine stalls now and then; what fails three times is no stall. A test that needed it is listed as flaky.
  retries: process.env.CI ? 2 : 0,
  reporter: [['list'], ['./e2e/support/closing-line.ts']],
  use: {
    locale: 'en-US',
    timezoneId: 'UTC',
    screenshot: 'only-on-failure',
    trace: process.env.CI ? 'off' : 'retain-on-failure',
  },
  // One build, two mounts: the prefix is put in at start.
  projects: [
    { name: 'root', use: { basePath: '' } },
    {
      name: 'prefixed',
      use: { basePath: '/ops/good_job' },
      testIgnore: SAME_AT_ANY_PATH,
      grepInvert: /@any-path/,
    },
  ],
});
