import { mkdtempSync } from 'node:fs';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Env, readEnv } from '../../lib/config/environment';
import type { RevocationStore } from '../../lib/sessions/revocation';
import { StartTokens } from '../../server/auth/start-token';
import type { BuildManifest } from '../../server/build-manifest';
import { type Handler, createGateway } from '../../server/gateway';
import { createHttpServer } from '../../server/http-server';
import { signInLocally } from './local-sign-in';

/** A request as the stand-in for Next received it. */
export interface ForwardedRequest {
  url: string;
  headers: Record<string, string>;
  rawHeaders: string[];
  body: string;
}

export interface GatewayResponse {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
  /** null if the gateway did not forward the request. */
  seen: ForwardedRequest | null;
}

interface RequestOptions {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
}

export interface TestGateway {
  port: number;
  origin: string;
  /** With AUTH_MODE=none the session cookie, which `send` adds unless a Cookie is passed. */
  cookie: string;
  startTokens: StartTokens;
  send(path: string, options?: RequestOptions): Promise<GatewayResponse>;
  /** Sends raw bytes. `status` is that of the first response, 0 if there was none. */
  raw(text: string): Promise<{ status: number; text: string; seen: ForwardedRequest | null }>;
  close(): Promise<void>;
}

const bodyOf = async (request: IncomingMessage) => {
  const chunks: Buffer[] = [];
  const body: AsyncIterable<Buffer> = request;
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

async function record(request: IncomingMessage): Promise<ForwardedRequest> {
  const body = await bodyOf(request);
  return {
    url: request.url ?? '',
    headers: request.headers as Record<string, string>,
    rawHeaders: request.rawHeaders,
    body,
  };
}

function sendRequest(
  port: number,
  path: string,
  { method = 'GET', headers, body = '' }: RequestOptions,
): Promise<Omit<GatewayResponse, 'seen'>> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, agent: false, headers };
    const request = httpRequest(options, (response) => {
      const { statusCode: status = 0, headers } = response;
      void bodyOf(response).then((text) => resolve({ status, headers, body: text }), reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function sendBytes(port: number, bytes: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes, 'latin1'));
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      resolve({ status, text });
    });
  });
}

/** The environment of the tests with these variables, in which `:PORT` becomes the port. */
function readTestEnv(variables: Record<string, string>, port: number): Env {
  const environment = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, value.replaceAll(':PORT', `:${port}`)]),
  );
  return readEnv({ DATABASE_URL: 'postgres://localhost/app', ...environment });
}

/**
 * Starts the gateway in front of a stand-in for Next that records requests. `:PORT` in a variable
 * becomes the port; `now` is the clock of tokens and sessions.
 */
export async function openGateway(
  variables: Record<string, string>,
  requestedPort = 0,
  {
    now,
    build,
    revocationStore,
  }: { now?: () => number; build?: BuildManifest; revocationStore?: RevocationStore } = {},
): Promise<TestGateway> {
  let seen: ForwardedRequest | null = null;
  const next: Handler = async (request, response) => {
    seen = await record(request);
    response.end('page');
  };
  // The gateway needs the port of the server, so the listener is set after listening.
  const lateListener: { current?: ReturnType<typeof createGateway> } = {};
  const server = createHttpServer((request, response) => lateListener.current?.(request, response));
  await new Promise<void>((resolve) => server.listen(requestedPort, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const env = readTestEnv(variables, port);
  const startTokens = new StartTokens(mkdtempSync(path.join(tmpdir(), 'gjc-gateway-')), now);
  lateListener.current = createGateway(env, next, {
    isDevelopment: false,
    build,
    startTokens,
    revocationStore,
  });
  const gateway: TestGateway = {
    port,
    origin: `http://localhost:${port}`,
    cookie: '',
    startTokens,
    async send(path, { headers = {}, ...options } = {}) {
      seen = null;
      const cookie: RequestOptions['headers'] = gateway.cookie ? { Cookie: gateway.cookie } : {};
      const response = await sendRequest(port, path, {
        ...options,
        headers: { Host: `localhost:${port}`, ...cookie, ...headers },
      });
      return { ...response, seen };
    },
    async raw(text) {
      seen = null;
      const response = await sendBytes(port, text);
      return { ...response, seen };
    },
    close: () => {
      startTokens.close();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  if (env.auth.mode === 'none' && !env.auth.isOpen)
    gateway.cookie = await signInLocally(
      gateway.origin + env.basePath,
      startTokens.issue(),
      env.publicUrl?.origin,
    );
  return gateway;
}

/** Captures what is logged while `fn` runs, and parses the audit lines. */
export async function captureOutput(
  fn: () => Promise<unknown>,
): Promise<{ audits: Record<string, unknown>[]; text: string }> {
  const lines: string[] = [];
  const { log, error } = console;
  const capture = (...values: unknown[]) => void lines.push(values.map(String).join(' '));
  console.log = capture;
  console.error = capture;
  try {
    await fn();
  } finally {
    console.log = log;
    console.error = error;
  }
  const audits = lines
    .filter((line) => line.startsWith('{"audit"'))
    .map((line) => (JSON.parse(line) as { audit: Record<string, unknown> }).audit);
  return { audits, text: lines.join('\n') };
}
