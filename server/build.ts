import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { hasPlaceholder, isTextFile, replaceBasePath } from './base-path';
import { createCopyFolder } from './copy-folder';

/** Files with the base path placeholder; `.next` next to it holds their variant for the root. */
const TEMPLATES = 'templates';

interface PreparedBuild {
  /** Contains `.next`. */
  folder: string;
  /** Absolute paths of all files that the server may read later. */
  files: string[];
}

/**
 * Turns Next's standalone output into the variant for the root and stores the templates next to it.
 */
export function splitTemplates(standalone: string): void {
  const templates = path.join(standalone, TEMPLATES);
  rmSync(templates, { recursive: true, force: true });
  const built = path.join(standalone, '.next');
  for (const file of filesIn(built)) {
    if (!isTextFile(file)) continue;
    const text = readFileSync(file, 'utf8');
    if (!hasPlaceholder(text)) continue;
    const template = path.join(templates, path.relative(built, file));
    mkdirSync(path.dirname(template), { recursive: true });
    renameSync(file, template);
    writeFileSync(file, replaceBasePath(text, ''));
  }
}

/**
 * Prepares the build for a base path. The root is served from `standalone` itself; any other base
 * path gets a copy for this process, so that one read-only image serves every prefix. Throws
 * EnvError if no folder is writable.
 */
export function prepareBuild(
  standalone: string,
  basePath: string,
  source: Record<string, string | undefined> = process.env,
): PreparedBuild {
  const built = path.join(standalone, '.next');
  if (basePath === '') return { folder: standalone, files: filesIn(built) };
  const folder = createCopyFolder(source);
  cpSync(built, path.join(folder, '.next'), {
    recursive: true,
    filter: (file) => !file.endsWith(`${path.sep}node_modules`),
  });
  cpSync(path.join(standalone, 'package.json'), path.join(folder, 'package.json'));
  symlinkSync(path.join(standalone, 'node_modules'), path.join(folder, 'node_modules'), 'dir');
  const templates = path.join(standalone, TEMPLATES);
  for (const template of filesIn(templates)) {
    const text = readFileSync(template, 'utf8');
    const file = path.join(folder, '.next', path.relative(templates, template));
    writeFileSync(file, replaceBasePath(text, basePath));
  }
  return { folder, files: filesIn(path.join(folder, '.next')) };
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(file);
    return entry.isFile() ? [file] : [];
  });
}
