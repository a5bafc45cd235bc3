import { spawn } from 'node:child_process';
import { findLinkFile, signInLocally, readLinkToken } from '../../test/harness/local-sign-in';
import { ensureBuild } from './build';
import { consoleUrl } from './pgbouncer';
import { addSession } from './sessions';

export interface ConsoleServer {
  /** `http://localhost:<port>`, without the base path. */
  origin: string;
  port: number;
  basePath: string;
  /**
   * Without a sign-in: the Cookie header of a local session, which browser contexts already have;
   * else ''.
   */
  cookie: string;
  /** The output so far, stdout and stderr. */
  output(): string;
  /** Stops without the delay for load balancers. */
  stop(): Promise<void>;
  /** Sends SIGTERM; resolves when the process has ended. */
  terminate(): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
}

interface ConsoleOptions {
  databaseUrl: string;
  basePath?: string;
  /** Additional environment variables. */
  env?: Record<string, string>;
  /** The start file of another build. */
  main?: string;
  /** False leaves the start link unused. */
  signIn?: boolean;
}

/** Excludes variables such as DATABASE_URL or DEFAULT_LOCALE of the developer's environment. */
function inheritedEnv(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot', 'LANG'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
}

/**
 * Whether the server requires a start token: without a sign-in, except for an open or demo console.
 */
function needsToken(env: Record<string, string>): boolean {
  const mode = env.AUTH_MODE || 'none';
  return mode === 'none' && env.I_KNOW_THIS_IS_OPEN !== '1' && env.DEMO !== '1';
}

/**
 * Starts the production server on a free port; rejects with its output if it exits before it
 * listens.
 */
export async function startConsole({
  databaseUrl,
  basePath = '',
  env = {},
  signIn = true,
  main = process.env.GJC_E2E_MAIN ?? ensureBuild(),
}: ConsoleOptions): Promise<ConsoleServer> {
  const child = spawn(process.execPath, [main], {
    // Next's types require NODE_ENV; the server sets its own.
    env: {
      NODE_ENV: 'production',
      ...inheritedEnv(),
      DATABASE_URL: consoleUrl(databaseUrl),
      BASE_PATH: basePath,
      PORT: '0',
      GOOD_JOB_APP_NAME: 'test-app',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  void exited.then(() => process.off('exit', kill));
  let text = '';
  const isLocal = needsToken(env);
  const port = await new Promise<number>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        const match = /listens on http:\/\/[^\s/]*:(\d+)/.exec(text);
        if (match && (!isLocal || findLinkFile(text))) resolve(Number(match[1]));
      });
    void exited.then(() => reject(new Error(`The console ended at once: ${text}`)));
  });
  const origin = `http://localhost:${port}`;
  let cookie = '';
  if (isLocal && signIn) {
    const publicOrigin = env.PUBLIC_URL ? new URL(env.PUBLIC_URL).origin : undefined;
    cookie = await signInLocally(
      origin + basePath,
      readLinkToken(findLinkFile(text) ?? ''),
      publicOrigin,
    );
    const removeSession = await addSession(cookie, basePath);
    void exited.then(removeSession);
  }
  return {
    origin,
    port,
    basePath,
    cookie,
    output: () => text,
    kill: async () => {
      kill();
      await exited;
    },
    terminate: async () => {
      child.kill('SIGTERM');
      await exited;
    },
    stop: async () => {
      child.kill('SIGINT');
      const killTimer = setTimeout(kill, 3_000);
      await exited;
      clearTimeout(killTimer);
    },
  };
}
