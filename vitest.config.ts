import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@\//, replacement: at('./') },
      // The package throws wherever the bundler does not mark the module as a server's.
      { find: /^server-only$/, replacement: at('./test/harness/server-only.ts') },
    ],
  },
  test: {
    include: ['**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'e2e/**', '.next/**', '.cache/**'],
    globalSetup: ['./test/harness/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/harness/closing-line.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // A shared machine stalls now and then; what fails twice is no stall.
    retry: process.env.CI ? 1 : 0,
  },
});
