import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { findLinkFile, signInLocally, readLinkToken } from '../../test/harness/local-sign-in';

const START_TIMEOUT_MS = 180_000;
const cookies = new Map<string, string>();

/** The session headers for a server started by this process; `url` is any URL of it. */
export function sessionHeaders(url: string): Record<string, string> {
  const cookie = cookies.get(new URL(url).origin);
  return cookie ? { cookie } : {};
}

/** `fetch` with the session of a server started by this process. */
export function fetchConsole(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(sessionHeaders(url))) headers.set(name, value);
  return fetch(url, { ...init, headers });
}

/**
 * Starts the production server of a checkout, by default this one, which builds first if
 * necessary, and signs in.
 */
export async function startConsole(
  databaseUrl: string,
  folder = '.',
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
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(server, 'exit');
  const stop = async () => {
    server.kill('SIGINT');
    await exited;
  };
  // Stops the server when the benchmark exits.
  const kill = () => void server.kill('SIGINT');
  process.once('exit', kill);
  void exited.then(() => process.off('exit', kill));
  try {
    const { origin, linkFile } = await waitForAddress(server);
    cookies.set(origin, await signInLocally(origin, readLinkToken(linkFile)));
    return { origin, pid: server.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function waitForAddress(server: ChildProcess): Promise<{ origin: string; linkFile: string }> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(
      () =>
        reject(new Error(`The server did not listen within ${START_TIMEOUT_MS / 1000} seconds.`)),
      START_TIMEOUT_MS,
    );
    server.once('exit', (code) =>
      reject(new Error(`The server ended with code ${code} before it listened.`)),
    );
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000);
      const origin = /listens on (http:\/\/[^/\s]+)/.exec(output)?.[1];
      const linkFile = findLinkFile(output);
      if (!origin || !linkFile) return;
      clearTimeout(timer);
      resolve({ origin, linkFile });
    });
  });
}
