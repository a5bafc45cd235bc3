import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const START_TIMEOUT_MS = 180_000;

/** The headers by which a server that this process has started knows its client; `url` is of a page of it. */
export function sessionHeaders(_url: string): Record<string, string> {
  return {};
}

/** Starts the production server by `npm start`'s own script, which builds first if there is no build; resolves with its origin. */
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
    DEMO: '',
    NODE_OPTIONS: '',
  };
  const server = spawn(process.execPath, ['--import', 'tsx', 'scripts/start.ts'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(server, 'exit');
  const stop = async () => {
    server.kill('SIGTERM');
    await exited;
  };
  // Whatever ends the bench ends the server with it.
  process.once('exit', () => server.kill('SIGTERM'));
  try {
    return { origin: await originOf(server), pid: server.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function originOf(server: ChildProcess): Promise<string> {
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
      if (!origin) return;
      clearTimeout(timer);
      resolve(origin);
    });
  });
}
