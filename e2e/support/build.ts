import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SOURCES } from '../../server/source-hash';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function newestMtimeMs(file: string): number {
  if (!existsSync(file)) return 0;
  const stat = statSync(file);
  if (!stat.isDirectory()) return /\.test\.tsx?$/.test(file) ? 0 : stat.mtimeMs;
  return Math.max(0, ...readdirSync(file).map((name) => newestMtimeMs(path.join(file, name))));
}

/** The server's start file, rebuilt if a source is newer. GJC_E2E_BUILD names an existing build. */
export function ensureBuild(): string {
  if (process.env.GJC_E2E_BUILD)
    return path.join(path.resolve(process.env.GJC_E2E_BUILD), 'main.mjs');
  const main = path.join(ROOT, '.next/standalone/main.mjs');
  if (
    existsSync(main) &&
    statSync(main).mtimeMs >=
      Math.max(...SOURCES.map((source) => newestMtimeMs(path.join(ROOT, source))))
  )
    return main;
  const result = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/build.ts'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (result.status !== 0) throw new Error('The build failed; npm run build shows why.');
  return main;
}
