import { defineConfig } from 'playwright/test';
import type { WorkerOptions } from './e2e/support/test';
import main from './playwright.config';

/** `npm run test:deployment`: long deployment tests; `npm test` runs short versions of them. */
export default defineConfig<object, WorkerOptions>({
  ...main,
  testDir: 'e2e/deployment',
  testMatch: '*.long.ts',
  workers: 1,
  timeout: 1_200_000,
  projects: [{ name: 'root', use: { basePath: '' } }],
});
