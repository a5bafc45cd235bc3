import {
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EnvError } from '../lib/env-values';

/** The base path that the build was made with (next.config.ts). */
const PLACEHOLDER = '__BASE_PATH__';
const TEXT_FILE = /\.(js|json|html|css|rsc|body|meta|txt|map)$/;

/**
 * Makes this process' own copy of the build with the real base path in it: one build serves any prefix, from a
 * read-only image, and two instances do not meet. `standalone` is Next's standalone output. Returns the folder;
 * it is removed when the process exits.
 */
export function prepareBuild(standalone: string, basePath: string): string {
  const folder = makeFolder();
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  cpSync(path.join(standalone, '.next'), path.join(folder, '.next'), {
    recursive: true,
    filter: (file) => !file.endsWith(`${path.sep}node_modules`),
  });
  cpSync(path.join(standalone, 'package.json'), path.join(folder, 'package.json'));
  symlinkSync(path.join(standalone, 'node_modules'), path.join(folder, 'node_modules'), 'dir');
  replaceIn(path.join(folder, '.next'), basePath);
  return folder;
}

function replaceIn(folder: string, basePath: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) replaceIn(file, basePath);
    else if (entry.isFile() && TEXT_FILE.test(entry.name)) replaceInFile(file, basePath);
  }
}

function replaceInFile(file: string, basePath: string): void {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(PLACEHOLDER)) return;
  // Regular expressions hold the slash escaped, once or, inside JSON, twice; those first, or the root mount has a broken one.
  const escaped = (slash: string) =>
    basePath
      .split('/')
      .filter(Boolean)
      .map((part) => slash + part.replaceAll('.', slash.slice(0, -1) + '.'))
      .join('');
  writeFileSync(
    file,
    text
      .replaceAll(`\\\\/${PLACEHOLDER}`, escaped('\\\\/'))
      .replaceAll(`\\/${PLACEHOLDER}`, escaped('\\/'))
      .replaceAll(`/${PLACEHOLDER}`, basePath),
  );
}

/** Throws EnvError: a read-only image has to give it some place. */
function makeFolder(): string {
  try {
    return mkdtempSync(path.join(tmpdir(), 'good-job-console-'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new EnvError(
      `TMPDIR must be a folder that can be written to, since each server keeps its copy of the build there; ${tmpdir()} is not (${code}).`,
    );
  }
}
