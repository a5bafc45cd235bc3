import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** The parts of a build's manifests that the gateway uses; read once at startup. */
export interface BuildManifest {
  /** Paths of the files below `/_next/static/`, without base path. */
  staticFiles: ReadonlySet<string>;
  /** The pages that contain each Server Action, by action id. */
  actionPages: ReadonlyMap<string, ReadonlySet<string>>;
  /** The pattern of the page or route for a path without base path; null if there is none. */
  pageOf(address: string): string | null;
}

/* The parts of Next's manifests that are read. */

const pathRoutesManifest = z.record(z.string(), z.string());
const actions = z.record(z.string(), z.object({ workers: z.record(z.string(), z.unknown()) }));
const actionManifest = z.object({ node: actions, edge: actions });
const routesManifest = z.object({
  staticRoutes: z.array(z.object({ page: z.string() })),
  dynamicRoutes: z.array(z.object({ page: z.string(), regex: z.string() })),
});

/** `folder` contains `.next`. Throws if there is no build. */
export function readBuildManifest(folder: string): BuildManifest {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(path.join(folder, '.next', name), 'utf8'));
  const patterns = pathRoutesManifest.parse(read('app-path-routes-manifest.json'));
  const { node, edge } = actionManifest.parse(read('server/server-reference-manifest.json'));
  const actionPages = new Map(
    Object.entries({ ...edge, ...node }).map(([id, { workers }]) => [
      id,
      new Set(Object.keys(workers).flatMap((name) => patterns[name.replace(/^app/, '')] ?? [])),
    ]),
  );
  const routes = routesManifest.parse(read('routes-manifest.json'));
  const exact = new Set(routes.staticRoutes.map(({ page }) => page));
  const dynamic = routes.dynamicRoutes.map(({ page, regex }) => ({
    page,
    pattern: new RegExp(regex),
  }));
  return {
    staticFiles: new Set(filesIn(path.join(folder, '.next/static'), '/_next/static')),
    actionPages,
    pageOf: (address) =>
      exact.has(address)
        ? address
        : (dynamic.find(({ pattern }) => pattern.test(address))?.page ?? null),
  };
}

function filesIn(folder: string, address: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? filesIn(path.join(folder, entry.name), `${address}/${entry.name}`)
      : [`${address}/${entry.name}`],
  );
}
