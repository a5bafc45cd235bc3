import type { NextConfig } from 'next';
import createNextIntlPlugin from 'next-intl/plugin';

/** Stands for BASE_PATH in the build; the server puts the real one in its place at start (server/build.ts). */
const BASE_PATH_PLACEHOLDER = '/__BASE_PATH__';

const config: NextConfig = {
  // A lock file in a folder above must not move the root, and the standalone server with it.
  outputFileTracingRoot: process.cwd(),
  turbopack: { root: process.cwd() },
  output: 'standalone',
  basePath: process.env.GOOD_JOB_CONSOLE_DEV === '1' ? '' : BASE_PATH_PLACEHOLDER,
  // A browser reloads the page when the next answer has another build id: two servers of one commit must have the same.
  generateBuildId: () => process.env.GOOD_JOB_CONSOLE_BUILD_ID ?? 'development',
  poweredByHeader: false,
  reactStrictMode: true,
  // pg must be bundled: as an external it is a symlink that does not survive packing.
  transpilePackages: ['pg'],
  images: { unoptimized: true },
  typescript: { ignoreBuildErrors: true },
  outputFileTracingExcludes: { '*': ['node_modules/sharp/**', 'node_modules/@img/**'] },
};

// Messages are compiled with the build: neither server nor browser parses them, and the browser needs no parser.
const withIntl = createNextIntlPlugin({
  requestConfig: './lib/i18n/request.ts',
  experimental: {
    messages: { path: './messages', format: 'json', locales: 'infer', precompile: true },
  },
})(config);

// The last loader runs first: what the browser gets is chosen before it is compiled.
const rule = Object.values(withIntl.turbopack?.rules ?? {})
  .flat()
  .find((one) => typeof one === 'object' && 'loaders' in one);
if (rule && typeof rule === 'object' && 'loaders' in rule)
  rule.loaders?.push('./lib/i18n/client-messages-loader.mjs');

export default withIntl;
