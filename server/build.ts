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

/** Beside `.next`, which is ready for the root: the files that hold the base path, as Next has built them. */
const TEMPLATES = 'templates';

/** The build that this process serves from. */
export interface PreparedBuild {
  /** The one that `.next` is in. */
  folder: string;
  /** Every file that the server may need later, as absolute paths. */
  files: string[];
}

/** Makes the variant for the root of Next's standalone output in place, and keeps the templates beside it. */
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
 * The build for this base path. The root is served from `standalone` itself, Next's output after `splitTemplates`; any
 * other base path needs a copy that belongs to this process alone, so that one read-only image serves any prefix and
 * two instances do not meet. Throws EnvError where no folder can be written.
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
