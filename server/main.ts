import { existsSync, readFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { type Env, readEnv } from '../lib/config/environment';
import { setRedactionConfig } from '../lib/config/redaction-rules';
import { EnvError } from '../lib/config/values';
import { ConsoleError } from '../lib/core/errors';
import { shutdown } from '../lib/core/process-state';
import { CronFileError, readCronFile } from '../lib/cron/cron-file';
import { readConnectionSettings } from '../lib/db/connection-settings';
import { isDemoDatabase } from '../lib/good-job/tables';
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
import { type Handler, createGateway } from './gateway';
import { createHttpServer } from './http-server';
import { captureConsole, createLog } from './log';
import { endOnSystemErrors, exitWithMessage, systemErrorSentence } from './system-error';

/*
 * The server entry point: checks the configuration, prepares the build for its base path, starts
 * the gateway in front of Next, and drains on a signal. `npm run build` bundles it to
 * .next/standalone/main.mjs.
 */

/**
 * Collects garbage when the heap has grown by 50 % instead of V8's 300 %: an export of 30,000 jobs
 * allocates 130 MB of garbage.
 */
setFlagsFromString('--heap-growing-percent=50');

const serverFolder = path.dirname(fileURLToPath(import.meta.url));
const isDevelopment = process.env.GOOD_JOB_CONSOLE_DEV === '1';

async function readConfiguration(): Promise<Env> {
  try {
    const env = readEnv(process.env);
    if (env.cronFile !== null) readCronFile(env.cronFile);
    // A database may come up later; invalid connection settings are a permanent error.
    await readConnectionSettings(env.databaseUrl, env.databaseCaFile);
    return env;
  } catch (error) {
    const reason =
      error instanceof ConsoleError && error.cause instanceof Error ? error.cause : error;
    if (reason === error && !(error instanceof EnvError || error instanceof CronFileError))
      throw error;
    exitWithMessage(reason instanceof Error ? reason.message : String(reason));
  }
}

interface NextServer {
  next: Handler;
  /** Missing in development, where Next builds files on demand. */
  build?: BuildManifest;
  /** Whether the files of the build still exist. */
  hasFiles?: () => Promise<boolean>;
}

async function startNext(env: Env): Promise<NextServer> {
  const preparedBuild = isDevelopment ? null : prepareBuild(serverFolder, env.basePath);
  const dir = preparedBuild?.folder ?? process.cwd();
  if (!isDevelopment) {
    // No chdir to the build: relative paths in the configuration refer to the start directory.
    Object.assign(process.env, { NODE_ENV: 'production' });
    const required: { config: Record<string, unknown> } = JSON.parse(
      readFileSync(path.join(dir, '.next/required-server-files.json'), 'utf8'),
    );
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
  // Next handles the upgrade requests of the server passed to it. Ours would let them bypass the
  // gateway.
  const app = createNext({
    dir,
    dev: isDevelopment,
    hostname: 'localhost',
    port: env.port,
    customServer: true,
    ...(isDevelopment ? {} : { httpServer: createServer() }),
  });
  await app.prepare();
  const next = app.getRequestHandler();
  if (!preparedBuild) return { next };
  return { next, build: readBuildManifest(dir), hasFiles: createFileCheck(preparedBuild.files) };
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

/** Listens on both loopback addresses for `localhost`, because a browser may try either first. */
async function listenOnHost(
  env: Env,
  listener: ReturnType<typeof createGateway>,
  drain: Drain,
): Promise<Server[]> {
  const main = createHttpServer(listener, drain);
  await listen(main, env.port, listenAddress(env.host));
  if (env.host !== 'localhost') return [main];
  const ipv6Server = createHttpServer(listener, drain);
  const address = main.address();
  const port = typeof address === 'object' && address ? address.port : env.port;
  return listen(ipv6Server, port, '::1').then(
    () => [main, ipv6Server],
    () => [main], // no IPv6, or the port is in use
  );
}

/** A terminal sends SIGINT to the process group, and npm repeats it. */
const SAME_SIGNAL_MS = 1_000;
/** Time to write what background work recorded during the drain. */
const FLUSH_MS = 1_000;

/** SIGTERM drains, SIGINT stops without the delay, a second signal exits at once. */
function drainOnSignal(drain: Drain, delayMs: number): void {
  let firstAt: number | null = null;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (firstAt !== null && performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1);
      if (firstAt !== null) return;
      firstAt = performance.now();
      const isTerm = signal === 'SIGTERM';
      // Background work stops at once so that another server can continue it.
      const ended = Promise.all([isTerm ? drain.drain(delayMs) : drain.stop(), shutdown()]);
      const timeLimitMs = (isTerm ? delayMs : 0) + GRACE_MS + FLUSH_MS;
      setTimeout(() => process.exit(0), timeLimitMs).unref();
      void ended.then(shutdown).then(() => process.exit(0));
    });
  }
}

/** The address that `npm run token` reads; null until the server listens. */
let announcedAddress: ServerAddress | null = null;

/** Returns null if the auth mode needs no start tokens. Throws EnvError. */
function createStartTokens(env: Env): StartTokens | null {
  if (env.auth.mode !== 'none' || env.auth.isOpen) return null;
  const tokens = new StartTokens(createServerFolder(process.env), Date.now, (folder) =>
    restoreServerFolder(process.env, folder, announcedAddress),
  );
  process.on('exit', () => tokens.close());
  return tokens;
}

/** Prints the sign-in link, or outside of a terminal its file, because others may read the log. */
async function announceLink(tokens: StartTokens, origin: string, port: number): Promise<void> {
  const { basePath, publicUrl } = env;
  const base = publicUrl ? publicUrl.href.replace(/\/$/, '') : origin + basePath;
  const startUrl = base + START_PATH;
  announcedAddress = { host: listenAddress(env.host), port, basePath, startUrl };
  announceServer(tokens.folder, announcedAddress);
  if (env.demo && (await isDemoDatabase())) return;
  console.log(
    process.stdout.isTTY
      ? `Open it with this link: ${startUrl}#${tokens.issue()}`
      : `The link to open it is in the file ${tokens.writeLink(startUrl)}`,
  );
  console.log('The link works once and for 10 minutes; npm run token prints a new one.');
}

/** One sentence for an error of listening. */
function listenErrorSentence(error: unknown): string {
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return `PORT ${env.port} is in use by another process.`;
    case 'EACCES':
      return `This user has no permission to listen on PORT ${env.port}.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST ${env.host} is not an address of this machine.`;
    default:
      return systemErrorSentence(error) ?? String(error);
  }
}

endOnSystemErrors();
const env = await readConfiguration();
captureConsole(createLog());
setRedactionConfig(env.redaction);
process.env.NEXT_TELEMETRY_DISABLED = '1';
if (!isDevelopment && !existsSync(path.join(serverFolder, '.next'))) {
  exitWithMessage('The server has no build. Run npm run build.');
}
try {
  const { next, build, hasFiles } = await startNext(env);
  const startTokens = createStartTokens(env);
  const drain = new Drain();
  const listener = createGateway(env, next, {
    isDevelopment,
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
  exitWithMessage(error instanceof EnvError ? error.message : listenErrorSentence(error));
}
