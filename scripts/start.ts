import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/*
 * `npm start`: the production server, built first if there is no build. The server is a process of its own so that
 * nothing of this tool chain stays in its memory; signals go on to it.
 */
const root = process.cwd();
const main = path.join(root, '.next/standalone/main.mjs');

if (!existsSync(main)) {
  const built = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/build.ts'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (built.status !== 0) process.exit(built.status ?? 1);
}
const server = spawn(process.execPath, [main], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal));
server.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
