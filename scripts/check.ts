import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/*
 * `npm run check` runs the npm scripts below in parallel, the slow ones first, and prints the
 * output of those that fail.
 */
const CHECKS = [
  'lint',
  'typecheck',
  'check:messages',
  'check:dead-code',
  'check:format',
  'check:rules',
  'check:configuration',
  'check:duplicates',
];

function run(script: string): Promise<boolean> {
  const startedAt = Date.now();
  const child = spawn('npm', ['run', '--silent', script], {
    shell: process.platform === 'win32',
    env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'passed' : 'FAILED'}  ${script} (${seconds} s)`);
      if (code !== 0) console.log(Buffer.concat(output).toString().trimEnd());
      resolve(code === 0);
    });
  });
}

async function runUntilEmpty(queue: string[]): Promise<number> {
  let failures = 0;
  for (let script = queue.shift(); script !== undefined; script = queue.shift())
    if (!(await run(script))) failures += 1;
  return failures;
}

const queue = [...CHECKS];
const workers = Array.from({ length: Math.min(availableParallelism(), queue.length) }, () =>
  runUntilEmpty(queue),
);
const failures = (await Promise.all(workers)).reduce((sum, count) => sum + count, 0);
console.log(failures === 0 ? 'All checks passed.' : `Checks that failed: ${failures}.`);
if (failures > 0) process.exitCode = 1;
