import { spawn } from 'node:child_process';
import { linkFileIn, signInLocally, tokenIn } from '../../test/harness/local-sign-in';
import { ensureBuild } from './build';
import { consoleUrl } from './pgbouncer';
import { addSession } from './sessions';

export interface ConsoleServer {
  /** `http://localhost:<port>`, without the base path. */
  origin: string;
  port: number;
  basePath: string;
  /** Where nobody signs in: the Cookie header of a session of this machine, which browser contexts have already; else ''. */
  cookie: string;
  /** What it printed so far, stdout and stderr. */
  output(): string;
  /** Without the delay for load balancers. */
  stop(): Promise<void>;
  /** Sends SIGTERM; resolves when the process has ended. */
  terminate(): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
}

export interface ConsoleOptions {
  databaseUrl: string;
  basePath?: string;
  /** More of its environment. */
  env?: Record<string, string>;
  /** The start file of another build than the project's own. */
  main?: string;
  /** false: where nobody signs in, the link is left unused. */
  signIn?: boolean;
}

/** Not all of ours: a developer's own DATABASE_URL, PGHOST or DEFAULT_LOCALE is meant for something else. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot', 'LANG'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
}

/** Nobody signs in, and the server answers this machine alone: it needs a start token. The demo's own tables need none. */
function needsToken(env: Record<string, string>): boolean {
  const mode = env.AUTH_MODE || 'none';
  return mode === 'none' && env.I_KNOW_THIS_IS_OPEN !== '1' && env.DEMO !== '1';
}

/** Starts the production server on a free port; rejects with what it printed when it ends before it listens. */
export async function startConsole({
  databaseUrl,
  basePath = '',
  env = {},
  signIn = true,
  main = process.env.GJC_E2E_MAIN ?? ensureBuild(),
}: ConsoleOptions): Promise<ConsoleServer> {
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
  const isLocal = needsToken(env);
  const port = await new Promise<number>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        const listening = /listens on http:\/\/[^\s/]*:(\d+)/.exec(text);
        if (listening && (!isLocal || linkFileIn(text))) resolve(Number(listening[1]));
      });
    void gone.then(() => reject(new Error(`The console ended at once: ${text}`)));
  });
  const origin = `http://localhost:${port}`;
  let cookie = '';
  if (isLocal && signIn) {
    const publicOrigin = env.PUBLIC_URL ? new URL(env.PUBLIC_URL).origin : undefined;
    cookie = await signInLocally(origin + basePath, tokenIn(linkFileIn(text) ?? ''), publicOrigin);
    const forget = await addSession(cookie, basePath);
    void gone.then(forget);
  }
  return {
    origin,
    port,
    basePath,
    cookie,
    output: () => text,
    kill: async () => {
      kill();
      await gone;
    },
    terminate: async () => {
      child.kill('SIGTERM');
      await gone;
    },
    stop: async () => {
      child.kill('SIGINT');
      const impatient = setTimeout(kill, 3_000);
      await gone;
      clearTimeout(impatient);
    },
  };
}
