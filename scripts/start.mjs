import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/*
 * `npm start` runs the production server in this process, so that it receives npm's signals, and
 * builds it first if necessary. Plain JavaScript, so that no compiler stays in memory.
 */
const main = path.resolve('.next/standalone/main.mjs');

/** Builds in a separate process group, to which signals are forwarded. */
async function build() {
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/build.ts'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const signals = ['SIGINT', 'SIGTERM'];
  const forward = (signal) => process.kill(-child.pid, signal);
  for (const signal of signals) process.on(signal, forward);
  const status = await new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (code, signal) => resolve(signal ? 1 : code));
  });
  if (status !== 0) process.exit(status);
  for (const signal of signals) process.off(signal, forward);
}

if (!existsSync(main)) await build();
await import(pathToFileURL(main).href);
