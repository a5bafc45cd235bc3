import { once } from 'node:events';
import http, { type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { readEnv } from '../lib/config/environment';
import { Drain } from './drain';
import { createGateway } from './gateway';
import { createHttpServer } from './http-server';

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close().closeAllConnections()));

/** Starts a server whose `/slow` responds when `release` is called. */
async function start(): Promise<{ drain: Drain; port: number; release: () => void }> {
  const drain = new Drain();
  let release = () => undefined as void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = createHttpServer(async (request, response) => {
    if (request.url === '/slow') await released;
    response.end('ok');
  }, drain);
  server.keepAliveTimeout = 500;
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { drain, port: (server.address() as AddressInfo).port, release };
}

/** Resolves with the complete response; rejects if the connection is refused or aborted. */
async function get(port: number, path: string, agent?: http.Agent): Promise<IncomingMessage> {
  const request = http.get({ host: '127.0.0.1', port, path, agent });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  if (!response.complete) throw new Error('The response was aborted.');
  return response;
}

/** Sends sequential requests until a connection is refused. */
async function loadUntilRefused(port: number, agent?: http.Agent) {
  const closeHeaders: number[] = [];
  for (;;) {
    try {
      const { headers } = await get(port, '/', agent);
      if (headers.connection === 'close') closeHeaders.push(performance.now());
    } catch (error) {
      return { error: error as NodeJS.ErrnoException, at: performance.now(), closeHeaders };
    }
  }
}

test('a drain under load serves until the grace period ends and sends Connection: close', async () => {
  const { drain, port } = await start();
  const agents = [1, 2, 3].map(() => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const clients = [undefined, ...agents].map((agent) => loadUntilRefused(port, agent));
  await sleep(100);
  const signalAt = performance.now();
  const drained = drain.drain(400, 800).then(() => performance.now());
  expect(drain.isDraining).toBe(true);
  for (const { error, at, closeHeaders } of await Promise.all(clients)) {
    expect(error.code).toMatch(/ECONNREFUSED|ECONNRESET/);
    expect(at - signalAt).toBeGreaterThan(1_150);
    expect(closeHeaders.length).toBeGreaterThan(0);
    expect(closeHeaders[0]).toBeGreaterThan(signalAt + 350);
  }
  expect((await drained) - signalAt).toBeGreaterThan(1_150);
});

test('a drain completes a request that began before the signal', async () => {
  const { drain, port, release } = await start();
  const agent = new http.Agent({ keepAlive: true });
  const slow = get(port, '/slow', agent);
  await sleep(50);
  const drained = drain.drain(100, 5_000);
  await sleep(200);
  release();
  expect((await slow).headers.connection).toBe('close');
  await drained;
});

test('a drain ends before the grace period once no requests arrive', async () => {
  const { drain, port } = await start();
  const agent = new http.Agent({ keepAlive: true });
  await get(port, '/', agent);
  const begunAt = performance.now();
  await drain.drain(100, 60_000);
  expect(performance.now() - begunAt).toBeLessThan(30_000);
  await expect(get(port, '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a stop refuses new connections at once and completes a running request', async () => {
  const { drain, port, release } = await start();
  const slow = get(port, '/slow');
  await sleep(50);
  const stopped = drain.stop(5_000);
  await expect(get(port, '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  release();
  await slow;
  await stopped;
});

test('a drain aborts a request that outlasts the grace period', async () => {
  const { drain, port } = await start();
  const slow = get(port, '/slow');
  slow.catch(() => undefined);
  await sleep(50);
  await drain.drain(50, 100);
  await expect(slow).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('/readyz answers 503 after the signal while /healthz and pages still work', async () => {
  let isDraining = false;
  const env = readEnv({ DATABASE_URL: 'postgres://localhost/app' });
  const answer = async (_: unknown, response: http.ServerResponse) =>
    void response.writeHead(200).end();
  const gateway = createGateway(env, answer, {
    isDevelopment: false,
    isDraining: () => isDraining,
  });
  const server = createHttpServer(gateway);
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const statuses = async () =>
    Promise.all(
      ['/readyz', '/healthz', '/jobs'].map(async (path) => (await get(port, path)).statusCode),
    );
  expect(await statuses()).toEqual([200, 200, 303]);
  isDraining = true;
  expect(await statuses()).toEqual([503, 200, 303]);
});
