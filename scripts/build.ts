import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { splitTemplates } from '../server/build';
import { hashSources } from '../server/source-hash';
import { findActionProblems, findManifestProblems } from './check-actions';

/*
 * `npm run build`: Next's standalone output, with its static files and the server's own start (server/main.ts as
 * one file) beside it: .next/standalone then runs with Node alone.
 */
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const standalone = path.join(root, '.next/standalone');

/**
 * Next derives the ids of the Server Actions from this key, so that every build of a commit has the same ones. It is
 * public: no action has bound or captured values to encrypt (scripts/check-actions.ts).
 */
const ACTIONS_KEY = Buffer.from('good-job-console server actions!').toString('base64');

function failOn(problems: string[]): void {
  if (problems.length === 0) return;
  console.error(['The Server Actions break a rule:', ...problems].join('\n  '));
  process.exit(1);
}

export async function buildServer(): Promise<void> {
  failOn(findActionProblems(root));
  rmSync(standalone, { recursive: true, force: true });
  const next = spawnSync(
    process.execPath,
    [path.join(root, 'node_modules/next/dist/bin/next'), 'build'],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        NODE_ENV: 'production',
        NEXT_TELEMETRY_DISABLED: '1',
        NODE_OPTIONS: '',
        NEXT_SERVER_ACTIONS_ENCRYPTION_KEY: ACTIONS_KEY,
        GOOD_JOB_CONSOLE_BUILD_ID: hashSources(root),
      },
    },
  );
  if (next.status !== 0) process.exit(next.status ?? 1);
  const manifest = path.join(standalone, '.next/server/server-reference-manifest.json');
  failOn(findManifestProblems(readFileSync(manifest, 'utf8')));
  cpSync(path.join(root, '.next/static'), path.join(standalone, '.next/static'), {
    recursive: true,
  });
  splitTemplates(standalone);
  await build({
    entryPoints: {
      main: path.join(root, 'server/main.ts'),
      token: path.join(root, 'server/token-command.ts'),
    },
    outdir: standalone,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.9',
    // Packages that are CommonJS inside ask for Node's own modules by require, which an ES module has not.
    banner: {
      js: `import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);`,
    },
    legalComments: 'none',
    logLevel: 'warning',
  });
}

await buildServer();
