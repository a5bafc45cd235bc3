import { mkdtempSync } from 'node:fs';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readEnv } from '../../lib/config/environment';
import type { RevocationStore } from '../../lib/sessions/revocation';
import { StartTokens } from '../../server/auth/start-token';
import type { BuildManifest } from '../../server/build-manifest';
import { type Handler, frontDoor } from '../../server/gateway';
import { createHttpServer } from '../../server/http-server';
import { signInLocally } from './local-sign-in';

/** What stood behind the front door was asked for, as it saw it; null: it was not asked. */
export interface Seen {
  url: string;
  headers: Record<string, string>;
  rawHeaders: string[];
  body: string;
}

export interface GatewayAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
  seen: Seen | null;
}

export interface TestGateway {
  port: number;
  origin: string;
  /** Where nobody signs in: the cookie of a session of this machine, which `send` adds unless a Cookie is given. */
  cookie: string;
  startTokens: StartTokens;
  send(
    path: string,
    options?: {
      method?: string;
      headers?: Record<string, string | string[]>;
      body?: string | Buffer;
    },
  ): Promise<GatewayAnswer>;
  /** Bytes as they are; the status of the first answer, 0 for a connection that was closed without. */
  raw(text: string): Promise<{ status: number; text: string; seen: Seen | null }>;
  close(): Promise<void>;
}

const bodyOf = async (request: IncomingMessage) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

/**
 * The front door before a stand-in for Next that tells what it got. `:PORT` in a variable is its port; `now` is the
 * clock of tokens and sessions.
 */
export async function openGateway(
  variables: Record<string, string>,
  wanted = 0,
  {
    now,
    build,
    revocationStore,
  }: { now?: () => number; build?: BuildManifest; revocationStore?: RevocationStore } = {},
): Promise<TestGateway> {
  let seen: Seen | null = null;
  const next: Handler = async (request, response) => {
    const body = await bodyOf(request);
    seen = {
      url: request.url ?? '',
      headers: request.headers as Record<string, string>,
      rawHeaders: request.rawHeaders,
      body,
    };
    response.end('page');
  };
  const behind: { listener?: ReturnType<typeof frontDoor> } = {};
  const server = createHttpServer((request, response) => behind.listener?.(request, response));
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const filled = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, value.replaceAll(':PORT', `:${port}`)]),
  );
  const env = readEnv({ DATABASE_URL: 'postgres://localhost/app', ...filled });
  const startTokens = new StartTokens(mkdtempSync(path.join(tmpdir(), 'gjc-door-')), now);
  behind.listener = frontDoor(env, next, {
    development: false,
    build,
    startTokens,
    revocationStore,
  });
  const gateway: TestGateway = {
    port,
    origin: `http://localhost:${port}`,
    cookie: '',
    startTokens,
    send(path, { method = 'GET', headers = {}, body = '' } = {}) {
      seen = null;
      return new Promise((resolve, reject) => {
        const sent = httpRequest(
          {
            host: '127.0.0.1',
            port,
            path,
            method,
            agent: false,
            headers: {
              Host: `localhost:${port}`,
              ...(gateway.cookie ? { Cookie: gateway.cookie } : {}),
              ...headers,
            },
          },
          (answer) => {
            void bodyOf(answer).then(
              (text) =>
                resolve({
                  status: answer.statusCode ?? 0,
                  headers: answer.headers,
                  body: text,
                  seen,
                }),
              reject,
            );
          },
        );
        sent.on('error', reject);
        sent.end(body);
      });
    },
    raw(text) {
      seen = null;
      return new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(text, 'latin1'));
        let got = '';
        socket.setEncoding('latin1').on('data', (chunk: string) => (got += chunk));
        socket.on('error', reject);
        socket.on('close', () =>
          resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(got)?.[1] ?? 0), text: got, seen }),
        );
      });
    },
    close: () => {
      startTokens.close();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  if (env.auth.mode === 'none' && !env.auth.open)
    gateway.cookie = await signInLocally(
      gateway.origin + env.basePath,
      startTokens.issue(),
      env.publicUrl?.origin,
    );
  return gateway;
}

/** Collects what is printed while `fn` runs: audit lines and the log. */
export async function printed(
  fn: () => Promise<unknown>,
): Promise<{ audits: Record<string, unknown>[]; text: string }> {
  const lines: string[] = [];
  const [log, error] = [console.log, console.error];
  console.log = console.error = (...values: unknown[]) =>
    void lines.push(values.map(String).join(' '));
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
