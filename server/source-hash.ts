import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** Inputs of the production build. */
export const SOURCES = [
  'app',
  'components',
  'lib',
  'server',
  'messages',
  'instrumentation.ts',
  'next.config.ts',
  'postcss.config.mjs',
  'package-lock.json',
  'scripts/build.ts',
  'scripts/client-messages-loader.mjs',
];

/** Returns a build id that is equal on every machine for equal sources. */
export function hashSources(root: string): string {
  const hash = createHash('sha256');
  for (const source of SOURCES)
    for (const file of filesIn(root, source))
      hash
        .update(`${file}\0`)
        .update(readFileSync(path.join(root, file)))
        .update('\0');
  return hash.digest('hex').slice(0, 20);
}

function filesIn(root: string, name: string): string[] {
  const file = path.join(root, name);
  if (!existsSync(file) || /\.test\.tsx?$/.test(name)) return [];
  if (!statSync(file).isDirectory()) return [name];
  return readdirSync(file)
    .sort()
    .flatMap((entry) => filesIn(root, `${name}/${entry}`));
}
