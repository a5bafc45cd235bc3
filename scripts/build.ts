import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { splitTemplates } from '../server/build';
import { hashSources } from '../server/source-hash';
import { findActionProblems, findManifestProblems } from './check-actions';

/*
 * `npm run build`: creates Next's standalone output with its static files and the bundled
 * server/main.ts, so that .next/standalone runs with Node alone.
 */
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const standalone = path.join(root, '.next/standalone');

/**
 * Next derives the ids of Server Actions from this key; a fixed key makes them equal in every build
 * of a commit. It can be public: no action has values to encrypt (scripts/check-actions.ts).
 */
const ACTIONS_KEY = Buffer.from('good-job-console server actions!').toString('base64');

function exitOnProblems(problems: string[]): void {
  if (problems.length === 0) return;
  console.error(['The Server Actions violate a rule:', ...problems].join('\n  '));
  process.exit(1);
}

async function buildServer(): Promise<void> {
  exitOnProblems(findActionProblems(root));
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
  exitOnProblems(findManifestProblems(readFileSync(manifest, 'utf8')));
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
    // Bundled CommonJS packages need `require`, which ES modules lack.
    banner: {
      js:
        `import { createRequire as createRequireOfBundle } from 'node:module'; ` +
        `const require = createRequireOfBundle(import.meta.url);`,
    },
    legalComments: 'none',
    logLevel: 'warning',
  });
}

await buildServer();
