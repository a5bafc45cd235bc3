import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuild } from './build';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['app', 'components', 'lib', 'server'];

export interface BuiltAction {
  /** The id that Next assigns. */
  id: string;
  /** The pattern of a page that uses the action. */
  page: string;
}

const readManifest = <T>(name: string) =>
  JSON.parse(
    readFileSync(
      path.join(path.dirname(process.env.GJC_E2E_MAIN ?? ensureBuild()), '.next', name),
      'utf8',
    ),
  ) as T;
const patternOf = (name: string) =>
  name
    .replace(/^app/, '')
    .replaceAll(/\/\([^)]*\)/g, '')
    .replace(/\/(page|route)$/, '') || '/';

/** The Server Actions of the build by file and exported name; inline actions are not supported. */
export function builtActions(): Map<string, BuiltAction> {
  const { node } = readManifest<{
    node: Record<
      string,
      { workers: Record<string, unknown>; filename: string; exportedName: string }
    >;
  }>('server/server-reference-manifest.json');
  return new Map(
    Object.entries(node).map(([id, { workers, filename, exportedName }]) => [
      `${filename}#${exportedName}`,
      { id, page: patternOf(Object.keys(workers)[0] ?? '') },
    ]),
  );
}

/** Every page and route of the build, as patterns. */
export function builtRoutes(): string[] {
  return Object.values(
    readManifest<Record<string, string>>('app-path-routes-manifest.json'),
  ).filter((route) => !route.startsWith('/_'));
}

function sources(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return sources(file);
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [file] : [];
  });
}

/** All Server Actions that the sources export, used or not. */
export function exportedActions(): string[] {
  return FOLDERS.flatMap(sources).flatMap((file) => {
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    if (!/^\s*['"]use server['"]/m.test(text)) return [];
    return [
      ...text.matchAll(/^export (?:default )?(?:async function\s*\*?\s*(\w+)|const (\w+))/gm),
    ].map(([, name, constant]) => `${file}#${name ?? constant ?? ''}`);
  });
}

/** Methods other than GET that route files export. */
export function writingRoutes(): string[] {
  return sources('app')
    .filter((file) => file.endsWith('/route.ts'))
    .flatMap((file) =>
      [
        ...readFileSync(path.join(ROOT, file), 'utf8').matchAll(
          /^export (?:async )?(?:function|const) (POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\b/gm,
        ),
      ].map(([, method]) => `${method} ${file}`),
    );
}
