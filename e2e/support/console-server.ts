import { spawn } from 'node:child_process';
import { ensureBuild } from './build';
import { consoleUrl } from './pgbouncer';

export interface ConsoleServer {
  /** `http://localhost:<port>`, without the base path. */
  origin: string;
  port: number;
  basePath: string;
  /** What it printed so far, stdout and stderr. */
  output(): string;
  stop(): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
}

export interface ConsoleOptions {
  databaseUrl: string;
  basePath?: string;
  /** More of its environment. */
  env?: Record<string, string>;
}

/** Not all of ours: a developer's own DATABASE_URL, PGHOST or DEFAULT_LOCALE is meant for something else. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot', 'LANG'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
}

/** Starts the production server on a free port; rejects with what it printed when it ends before it listens. */
export async function startConsole({
  databaseUrl,
  basePath = '',
  env = {},
}: ConsoleOptions): Promise<ConsoleServer> {
  const main = process.env.GJC_E2E_MAIN ?? ensureBuild();
  const child = spawn(process.execPath, [main], {
    // Next's types demand NODE_ENV of every environment; the server sets its own.
    env: {
      NODE_ENV: 'production',
      ...inherited(),
      DATABASE_URL: consoleUrl(databaseUrl),
      BASE_PATH: basePath,
      PORT: '0',
      GOOD_JOB_APP_NAME: 'test-app',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  void gone.then(() => process.off('exit', kill));
  let text = '';
  const port = await new Promise<number>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        const listening = /listens on http:\/\/[^\s/]*:(\d+)/.exec(text);
        if (listening) resolve(Number(listening[1]));
      });
    void gone.then(() => reject(new Error(`The console ended at once: ${text}`)));
  });
  return {
    origin: `http://localhost:${port}`,
    port,
    basePath,
    output: () => text,
    kill: async () => {
      kill();
      await gone;
    },
    stop: async () => {
      child.kill('SIGTERM');
      const impatient = setTimeout(kill, 3_000);
      await gone;
      clearTimeout(impatient);
    },
  };
}
