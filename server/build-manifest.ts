import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** What the gateway has to know of a build to answer for it: read once, at the start. */
export interface BuildManifest {
  /** Addresses of the files below `/_next/static/`, without the base path. */
  staticFiles: ReadonlySet<string>;
  /** The pages that have each Server Action, by its id. */
  actionPages: ReadonlyMap<string, ReadonlySet<string>>;
  /** The page or route that answers an address without the base path, as a pattern; null: none does. */
  pageOf(address: string): string | null;
}

interface ActionManifest {
  node: Record<string, { workers: Record<string, unknown> }>;
  edge: Record<string, { workers: Record<string, unknown> }>;
}
interface RoutesManifest {
  staticRoutes: { page: string }[];
  dynamicRoutes: { page: string; regex: string }[];
}

/** `folder`: the one that `.next` is in. Throws when it holds no build. */
export function readBuildManifest(folder: string): BuildManifest {
  const read = <T>(name: string) =>
    JSON.parse(readFileSync(path.join(folder, '.next', name), 'utf8')) as T;
  const patterns = read<Record<string, string>>('app-path-routes-manifest.json');
  const { node, edge } = read<ActionManifest>('server/server-reference-manifest.json');
  const actionPages = new Map(
    Object.entries({ ...edge, ...node }).map(([id, { workers }]) => [
      id,
      new Set(Object.keys(workers).flatMap((name) => patterns[name.replace(/^app/, '')] ?? [])),
    ]),
  );
  const routes = read<RoutesManifest>('routes-manifest.json');
  const exact = new Set(routes.staticRoutes.map(({ page }) => page));
  const dynamic = routes.dynamicRoutes.map(({ page, regex }) => ({ page, is: new RegExp(regex) }));
  return {
    staticFiles: new Set(filesIn(path.join(folder, '.next/static'), '/_next/static')),
    actionPages,
    pageOf: (address) =>
      exact.has(address) ? address : (dynamic.find(({ is }) => is.test(address))?.page ?? null),
  };
}

function filesIn(folder: string, address: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? filesIn(path.join(folder, entry.name), `${address}/${entry.name}`)
      : [`${address}/${entry.name}`],
  );
}
