import type { NextConfig } from 'next';
import createNextIntlPlugin from 'next-intl/plugin';

/** Placeholder for BASE_PATH, which the server replaces at start (server/build.ts). */
const BASE_PATH_PLACEHOLDER = '/__BASE_PATH__';

const config: NextConfig = {
  // Otherwise a lock file in a parent folder would change the root of the standalone output.
  outputFileTracingRoot: process.cwd(),
  turbopack: { root: process.cwd() },
  output: 'standalone',
  basePath: process.env.GOOD_JOB_CONSOLE_DEV === '1' ? '' : BASE_PATH_PLACEHOLDER,
  // Two servers of one commit need the same id: a browser reloads the page when it changes.
  generateBuildId: () => process.env.GOOD_JOB_CONSOLE_BUILD_ID ?? 'development',
  // Compared between a page and the endpoints that it polls.
  env: { CONSOLE_RELEASE: process.env.GOOD_JOB_CONSOLE_BUILD_ID ?? 'development' },
  poweredByHeader: false,
  reactStrictMode: true,
  // pg must be bundled: as an external it is a symlink that packing breaks.
  transpilePackages: ['pg'],
  images: { unoptimized: true },
  typescript: { ignoreBuildErrors: true },
  outputFileTracingExcludes: { '*': ['node_modules/sharp/**', 'node_modules/@img/**'] },
};

// Messages are compiled at build time, so the browser needs no message parser.
const withIntl = createNextIntlPlugin({
  requestConfig: './components/i18n/request.ts',
  experimental: {
    messages: { path: './messages', format: 'json', locales: 'infer', precompile: true },
  },
})(config);

// Loaders run in reverse order: select the client's messages before they are compiled.
const rule = Object.values(withIntl.turbopack?.rules ?? {})
  .flat()
  .find((candidate) => typeof candidate === 'object' && 'loaders' in candidate);
if (rule && typeof rule === 'object' && 'loaders' in rule)
  rule.loaders?.push('./scripts/client-messages-loader.mjs');

export default withIntl;
