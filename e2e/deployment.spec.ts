import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBuild } from './support/build';
import { type ConsoleServer, startConsole } from './support/console-server';
import { connect, startSite, useSite } from './support/site';
import { expect, httpTest as test } from './support/test';

/* Start, readiness and shutdown of the server, with real processes and signals. */

const site = useSite('deployment');
const NOWHERE = 'postgres://nobody@127.0.0.1:1/none';

interface Reply {
  status: number;
  close: boolean;
}

/** Reads the whole response; rejects when the connection is refused or aborted. */
function get(url: string, headers: Record<string, string>, agent?: http.Agent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    http
      .get(url, { headers, agent }, (response) => {
        response.resume();
        response.once('close', () =>
          response.complete
            ? resolve({
                status: response.statusCode ?? 0,
                close: response.headers.connection === 'close',
              })
            : reject(new Error('The response was aborted.')),
        );
      })
      .once('error', reject);
  });
}

const statusOf = (server: ConsoleServer, address: string) =>
  get(server.origin + server.basePath + address, {}).then(({ status }) => status);

test('a shutdown under load aborts no request and answers 503 on /readyz at once', async () => {
  test.setTimeout(120_000);
  const server = await startConsole({
    databaseUrl: site.databaseUrl,
    env: { SHUTDOWN_DELAY_SECONDS: '2' },
  });
  const headers = { cookie: server.cookie };
  let signalAt = 0;
  const results: (Reply & { at: number; ready: boolean })[] = [];
  const failures: { code: string; at: number }[] = [];
  const client = async (agent: http.Agent | undefined) => {
    for (;;) {
      try {
        for (const address of ['/healthz', '/jobs', '/readyz']) {
          const answer = await get(server.origin + address, headers, agent);
          results.push({ ...answer, at: performance.now(), ready: address === '/readyz' });
        }
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? String(error);
        failures.push({ code, at: performance.now() });
        return;
      }
    }
  };
  const agents = [1, 2, 3].map(() => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const clients = [undefined, ...agents].map(client);
  await expect.poll(() => results.length, { timeout: 60_000 }).toBeGreaterThan(12);
  // Blocks a page for 2 s beyond the shutdown delay.
  const blocker = await connect(site.databaseUrl);
  await blocker.query('BEGIN; LOCK TABLE good_job_processes IN ACCESS EXCLUSIVE MODE');
  const slow = get(`${server.origin}/processes`, headers, agents[0]);
  const countWaiting = () =>
    site.value<number>(
      `SELECT count(*)::int FROM pg_locks
        WHERE NOT granted AND relation = 'good_job_processes'::regclass`,
    );
  await expect.poll(countWaiting).toBeGreaterThan(0);
  signalAt = performance.now();
  const shutdown = server.terminate();
  await sleep(4_000);
  await blocker.query('ROLLBACK');
  await blocker.end();
  expect((await slow).status).toBe(200);
  await Promise.all(clients);
  await shutdown;
  const ready = results.filter((result) => result.ready);
  expect(ready.filter(({ at }) => at < signalAt - 500).map(({ status }) => status)).not.toContain(
    503,
  );
  expect(ready.filter(({ at }) => at > signalAt + 500).every(({ status }) => status === 503)).toBe(
    true,
  );
  expect(results.filter(({ close }) => close).every(({ at }) => at > signalAt + 2_000)).toBe(true);
  // 2 s of delay and 9 s of grace period.
  expect(failures.map(({ at }) => at - signalAt).every((ms) => ms > 10_000)).toBe(true);
});

test('npm start forwards SIGTERM and leaves no server running', async () => {
  test.setTimeout(120_000);
  ensureBuild();
  const child = spawn('npm', ['start'], {
    env: {
      ...process.env,
      DATABASE_URL: NOWHERE,
      PORT: '0',
      SHUTDOWN_DELAY_SECONDS: '0',
      BASE_PATH: '',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await listeningPort(child);
  child.kill('SIGTERM');
  await once(child, 'exit');
  await expect(get(`http://127.0.0.1:${port}/healthz`, {})).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

test('SIGINT stops the server without the shutdown delay, even if sent twice', async () => {
  const server = await startConsole({
    databaseUrl: NOWHERE,
    env: { SHUTDOWN_DELAY_SECONDS: '600' },
  });
  await Promise.all([server.stop(), server.stop()]);
  await expect(get(`${server.origin}/healthz`, {})).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('answers 503 on /readyz while no page can be served', async () => {
  for (const [name, sql] of [
    ['good_job_3', 'ALTER TABLE good_jobs DROP COLUMN locked_by_id'],
    [
      'no_tables',
      `DROP TABLE good_jobs, good_job_executions, good_job_batches, good_job_processes,
          good_job_settings`,
    ],
  ] as const) {
    const broken = await startSite(`readyz ${name}`, '', { sql: [sql] });
    try {
      expect(await statusOf(broken.server, '/readyz'), name).toBe(503);
      expect(await statusOf(broken.server, '/healthz'), name).toBe(200);
    } finally {
      await broken.stop();
    }
  }
  expect(await statusOf(site.server, '/readyz')).toBe(200);
});

test('reports deleted files on /readyz and removes the copy of a killed server', async ({}, testInfo) => {
  const folder = testInfo.outputPath('copies');
  mkdirSync(folder, { recursive: true });
  const options = { databaseUrl: site.databaseUrl, basePath: '/ops', env: { TMPDIR: folder } };
  const copies = () => readdirSync(folder).filter((name) => /^good-job-console-\w{6}$/.test(name));
  const first = await startConsole(options);
  const [copy] = copies();
  expect(await statusOf(first, '/readyz')).toBe(200);
  rmSync(path.join(folder, copy ?? '', '.next/static'), { recursive: true });
  await expect.poll(() => statusOf(first, '/readyz')).toBe(503);
  await first.kill();
  expect(copies()).toEqual([copy]);
  const second = await startConsole(options);
  expect(copies()).not.toContain(copy);
  expect(copies()).toHaveLength(1);
  await second.stop();
  expect(copies()).toEqual([]);
});

test('makes no copy of the build without a base path', async ({}, testInfo) => {
  const folder = testInfo.outputPath('none');
  mkdirSync(folder, { recursive: true });
  const server = await startConsole({
    databaseUrl: NOWHERE,
    env: { TMPDIR: folder },
    signIn: false,
  });
  expect(readdirSync(folder).filter((name) => /^good-job-console-\w{6}$/.test(name))).toEqual([]);
  await server.stop();
});

test('the server exits with a one-sentence error when its output cannot be written', async () => {
  const full = openSync('/dev/full', 'w');
  try {
    expect(await runWithOutput(full)).toEqual({
      code: 1,
      text: expect.stringMatching(/^No space is left on the device.*\(ENOSPC\)\.\n$/) as unknown,
    });
  } finally {
    closeSync(full);
  }
  expect(await runWithOutput('pipe')).toEqual({
    code: 1,
    text: expect.stringMatching(/^The output is closed.*\(EPIPE\)\.\n$/) as unknown,
  });
});

/** Exit code and stderr of a server whose stdout is a pipe without a reader, or a file. */
async function runWithOutput(
  stdout: 'pipe' | number,
): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [process.env.GJC_E2E_MAIN ?? ensureBuild()], {
    env: { ...process.env, DATABASE_URL: NOWHERE, PORT: '0', BASE_PATH: '' },
    stdio: ['ignore', stdout, 'pipe'],
  });
  child.stdout?.destroy();
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text };
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const port = /listens on http:\/\/[^\s/]*:(\d+)/.exec(text)?.[1];
      if (port) resolve(Number(port));
    });
    child.once('exit', () => reject(new Error(`The server exited: ${text}`)));
  });
}
