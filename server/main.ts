import { existsSync, readFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { type Env, readEnv } from '../lib/config/environment';
import { EnvError } from '../lib/config/values';
import { isDemoDatabase } from '../lib/context/startup';
import { ConsoleError } from '../lib/core/errors';
import { shutdown } from '../lib/core/shutdown';
import { CronFileError, readCronFile } from '../lib/cron/cron-file';
import { readConnectionSettings } from '../lib/db/connection-settings';
import { setRedaction } from '../lib/redaction/path-rules';
import { processRevocationStore } from '../lib/sessions/revocation';
import { START_PATH } from './auth/local-access';
import {
  type ServerAddress,
  announceServer,
  createServerFolder,
  restoreServerFolder,
} from './auth/server-folder';
import { StartTokens } from './auth/start-token';
import { prepareBuild } from './build';
import { createFileCheck } from './build-files';
import { type BuildManifest, readBuildManifest } from './build-manifest';
import { Drain, GRACE_MS } from './drain';
import { type Handler, frontDoor } from './gateway';
import { createHttpServer } from './http-server';
import { captureConsole, createLog } from './log';
import { endOnSystemErrors, endWith, systemErrorSentence } from './system-error';

/*
 * The server: checks the configuration, prepares the build for its base path, puts the front door before Next,
 * listens, and drains when it is told to stop. Bundled to .next/standalone/main.mjs by `npm run build`.
 */

/**
 * The heap may grow by half beyond what is in use, before V8 collects its garbage. By default V8 lets it grow to four
 * times that, and an export of 30,000 jobs costs 130 MB of garbage.
 */
setFlagsFromString('--heap-growing-percent=50');

const here = path.dirname(fileURLToPath(import.meta.url));
const development = process.env.GOOD_JOB_CONSOLE_DEV === '1';

async function configuration(): Promise<Env> {
  try {
    const env = readEnv(process.env);
    if (env.cronFile !== null) readCronFile(env.cronFile);
    // The database may be down for now; settings that no database can be reached with are no matter of time.
    await readConnectionSettings(env.databaseUrl, env.databaseCaFile);
    return env;
  } catch (error) {
    const said =
      error instanceof ConsoleError && error.cause instanceof Error ? error.cause : error;
    if (said === error && !(error instanceof EnvError || error instanceof CronFileError))
      throw error;
    endWith(said instanceof Error ? said.message : String(said));
  }
}

interface Behind {
  next: Handler;
  /** Of the production build alone: the development server makes its files when they are asked for. */
  build?: BuildManifest;
  /** Whether the files of the build are still there. */
  hasFiles?: () => Promise<boolean>;
}

async function nextHandler(env: Env): Promise<Behind> {
  const prepared = development ? null : prepareBuild(here, env.basePath);
  const dir = prepared?.folder ?? process.cwd();
  if (!development) {
    // The build is named, never gone to: files that the configuration names are found from where the server was started.
    Object.assign(process.env, { NODE_ENV: 'production' });
    const required = JSON.parse(
      readFileSync(path.join(dir, '.next/required-server-files.json'), 'utf8'),
    ) as { config: Record<string, unknown> };
    process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = JSON.stringify({
      ...required.config,
      distDir: './.next',
    });
  }
  const require = createRequire(path.join(dir, 'package.json'));
  const createNext = require('next') as (options: object) => {
    prepare(): Promise<void>;
    getRequestHandler(): Handler;
  };
  // Next listens for upgrades at the server it is given, past the front door: not at ours.
  const app = createNext({
    dir,
    dev: development,
    hostname: 'localhost',
    port: env.port,
    customServer: true,
    ...(development ? {} : { httpServer: createServer() }),
  });
  await app.prepare();
  const next = app.getRequestHandler();
  if (!prepared) return { next };
  return { next, build: readBuildManifest(dir), hasFiles: createFileCheck(prepared.files) };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function listenAddress(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host.replace(/^\[|\]$/g, '');
}

/** `localhost` is both loopback addresses: a browser may try either first. */
async function listenOnHost(
  env: Env,
  listener: ReturnType<typeof frontDoor>,
  drain: Drain,
): Promise<Server[]> {
  const main = createHttpServer(listener, drain);
  await listen(main, env.port, listenAddress(env.host));
  if (env.host !== 'localhost') return [main];
  const second = createHttpServer(listener, drain);
  const address = main.address();
  const port = typeof address === 'object' && address ? address.port : env.port;
  return listen(second, port, '::1').then(
    () => [main, second],
    () => [main], // no IPv6 here, or somebody else's port
  );
}

/** A terminal sends SIGINT to the whole process group, and npm sends it once more. */
const SAME_SIGNAL_MS = 1_000;
/** What background work recorded during the drain is written within this time. */
const FLUSH_MS = 1_000;

/** SIGTERM drains, SIGINT stops without the delay; a second signal ends the process at once. */
function drainOnSignal(drain: Drain, delayMs: number): void {
  let firstAt: number | null = null;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (firstAt !== null && performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1);
      if (firstAt !== null) return;
      firstAt = performance.now();
      const isTerm = signal === 'SIGTERM';
      // Background work stops at once, so that another server can continue it.
      const ended = Promise.all([isTerm ? drain.drain(delayMs) : drain.stop(), shutdown()]);
      const timeLimitMs = (isTerm ? delayMs : 0) + GRACE_MS + FLUSH_MS;
      setTimeout(() => process.exit(0), timeLimitMs).unref();
      void ended.then(shutdown).then(() => process.exit(0));
    });
  }
}

/** What `npm run token` finds of this server; null until it listens. */
let announced: ServerAddress | null = null;

/** null: people sign in elsewhere, or the console is open to everybody. Throws EnvError. */
function createStartTokens(env: Env): StartTokens | null {
  if (env.auth.mode !== 'none' || env.auth.open) return null;
  const tokens = new StartTokens(createServerFolder(process.env), Date.now, (folder) =>
    restoreServerFolder(process.env, folder, announced),
  );
  process.on('exit', () => tokens.close());
  return tokens;
}

/** Prints the link that opens the console, or names the file that holds it: a log is read by others. */
async function announceLink(tokens: StartTokens, origin: string, port: number): Promise<void> {
  const { basePath, publicUrl } = env;
  const base = publicUrl ? publicUrl.href.replace(/\/$/, '') : origin + basePath;
  const startUrl = base + START_PATH;
  announced = { host: listenAddress(env.host), port, basePath, startUrl };
  announceServer(tokens.folder, announced);
  if (env.demo && (await isDemoDatabase())) return;
  console.log(
    process.stdout.isTTY
      ? `Open it with this link: ${startUrl}#${tokens.issue()}`
      : `The link to open it is in the file ${tokens.writeLink(startUrl)}`,
  );
  console.log('The link works once and for 10 minutes; npm run token prints a new one.');
}

/** Why the server could not listen, in a sentence. */
function startProblem(error: unknown): string {
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return `PORT ${env.port} is in use by another process.`;
    case 'EACCES':
      return `PORT ${env.port} may not be opened by this user.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST ${env.host} is no address of this machine.`;
    default:
      return systemErrorSentence(error) ?? String(error);
  }
}

endOnSystemErrors();
const env = await configuration();
captureConsole(createLog());
setRedaction(env.redaction);
process.env.NEXT_TELEMETRY_DISABLED = '1';
if (!development && !existsSync(path.join(here, '.next'))) {
  endWith('There is no build beside the server. Run npm run build.');
}
try {
  const { next, build, hasFiles } = await nextHandler(env);
  const startTokens = createStartTokens(env);
  const drain = new Drain();
  const listener = frontDoor(env, next, {
    development,
    build,
    startTokens,
    revocationStore: processRevocationStore,
    isDraining: () => drain.isDraining,
    hasFiles,
  });
  const servers = await listenOnHost(env, listener, drain);
  drainOnSignal(drain, env.shutdownDelaySeconds * 1_000);
  const address = servers[0]?.address();
  const port = typeof address === 'object' && address ? address.port : env.port;
  const origin = `http://${env.host === '::1' ? '[::1]' : env.host}:${port}`;
  console.log(`GoodJob Console listens on ${origin}${env.basePath || '/'}`);
  if (startTokens) await announceLink(startTokens, origin, port);
} catch (error) {
  endWith(error instanceof EnvError ? error.message : startProblem(error));
}
