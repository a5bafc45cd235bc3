import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkFileIn, signInLocally, tokenIn } from '../../test/harness/local-sign-in';

const START_TIMEOUT_MS = 180_000;
const cookies = new Map<string, string>();

/** The headers by which a server that this process has started knows its client; `url` is of a page of it. */
export function sessionHeaders(url: string): Record<string, string> {
  const cookie = cookies.get(new URL(url).origin);
  return cookie ? { cookie } : {};
}

/** `fetch` as the operator of a server that this process has started. */
export function fetchConsole(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string>), ...sessionHeaders(url) };
  return fetch(url, { ...init, headers });
}

/** Starts the production server by `npm start`'s own script, which builds first if there is no build, and signs in; resolves with its origin. */
export async function startConsole(
  databaseUrl: string,
): Promise<{ origin: string; pid: number; stop: () => Promise<void> }> {
  const env = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    HOST: '127.0.0.1',
    PORT: '0',
    BASE_PATH: '',
    PUBLIC_URL: '',
    PROXY_STRIPS_PREFIX: '',
    AUTH_MODE: '',
    SESSION_IDLE_MINUTES: '10080',
    SESSION_MAX_HOURS: '720',
    DEMO: '',
    NODE_OPTIONS: '',
  };
  const server = spawn(process.execPath, ['scripts/start.mjs'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(server, 'exit');
  const stop = async () => {
    server.kill('SIGINT');
    await exited;
  };
  // Whatever ends the bench ends the server with it.
  const kill = () => void server.kill('SIGINT');
  process.once('exit', kill);
  void exited.then(() => process.off('exit', kill));
  try {
    const { origin, linkFile } = await addressOf(server);
    cookies.set(origin, await signInLocally(origin, tokenIn(linkFile)));
    return { origin, pid: server.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function addressOf(server: ChildProcess): Promise<{ origin: string; linkFile: string }> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(
      () =>
        reject(new Error(`The server did not listen within ${START_TIMEOUT_MS / 1000} seconds.`)),
      START_TIMEOUT_MS,
    );
    server.once('exit', (code) =>
      reject(new Error(`The server ended with code ${code} before it listened.`)),
    );
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-10_000);
      const origin = /listens on (http:\/\/[^/\s]+)/.exec(said)?.[1];
      const linkFile = linkFileIn(said);
      if (!origin || !linkFile) return;
      clearTimeout(timer);
      resolve({ origin, linkFile });
    });
  });
}
