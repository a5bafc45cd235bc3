import { cpSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureBuild } from './build';

const TEXT = /\.(js|mjs|json|html|css|txt|map|meta|rsc|body)$|BUILD_ID$/;

/**
 * Copies the build to `folder` as another release: with another build id, other ids of Server
 * Actions and other names of static files. Returns its start file.
 */
export function makeOtherBuild(folder: string): string {
  const main = process.env.GJC_E2E_MAIN ?? ensureBuild();
  cpSync(path.dirname(main), folder, { recursive: true });
  const read = (name: string) => readFileSync(path.join(folder, '.next', name), 'utf8');
  const { node } = JSON.parse(read('server/server-reference-manifest.json')) as {
    node: Record<string, unknown>;
  };
  const replacements = new Map([
    [read('BUILD_ID'), 'another-build'],
    // The first byte encodes the arguments of the action.
    ...Object.keys(node).map(
      (id) => [id, id.slice(0, 2) + [...id.slice(2)].reverse().join('')] as const,
    ),
    ...filesIn(path.join(folder, '.next/static/chunks')).map(
      (name) => [name, name.replace(/\.(js|css)$/, '-other.$1')] as const,
    ),
  ]);
  const pattern = new RegExp([...replacements.keys()].map(escape).join('|'), 'g');
  for (const part of ['.next', 'templates'])
    for (const file of readdirSync(path.join(folder, part), {
      recursive: true,
      encoding: 'utf8',
    }).filter((name) => TEXT.test(name)))
      replaceIn(path.join(folder, part, file), (text) =>
        text.replace(pattern, (match) => replacements.get(match) ?? match),
      );
  const chunks = path.join(folder, '.next/static/chunks');
  const templates = path.join(folder, 'templates/static/chunks');
  for (const place of [chunks, templates].filter((name) => existsSync(name)))
    for (const name of filesIn(place))
      renameSync(path.join(place, name), path.join(place, replacements.get(name) ?? name));
  return path.join(folder, path.basename(main));
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const filesIn = (folder: string) => readdirSync(folder).filter((name) => /\.(js|css)$/.test(name));

function replaceIn(file: string, change: (text: string) => string): void {
  const text = readFileSync(file, 'utf8');
  const changed = change(text);
  if (changed !== text) writeFileSync(file, changed);
}
