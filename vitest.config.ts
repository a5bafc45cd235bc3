import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

const resolvePath = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@\//, replacement: resolvePath('./') },
      // The real package throws outside of a server bundle.
      { find: /^server-only$/, replacement: resolvePath('./test/harness/server-only.ts') },
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
    // Shared CI machines stall.
    retry: process.env.CI ? 1 : 0,
  },
});
