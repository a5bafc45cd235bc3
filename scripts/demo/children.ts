import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program of the demo as a process of its own, in a process group of its own. */
export interface Child {
  name: string;
  /** Resolves with how it ended, in words. */
  ended: Promise<string>;
  /** SIGINT, then, when its time is up, the end of it and of whatever it has started. */
  stop(patienceMs: number): Promise<void>;
}

const GROUPS = process.platform !== 'win32';
const running = new Set<ChildProcess>();

// The last resort, for a demo that ends by an error of its own: nothing can be awaited here.
process.once('exit', () => {
  for (const child of running) killAll(child);
});

function killAll(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(GROUPS ? -child.pid : child.pid, 'SIGKILL');
  } catch {
    // Nobody is left, as it should be.
  }
}

/**
 * Starts a TypeScript program of this project. It does not share the terminal's process group: a Ctrl-C goes to the
 * demo alone, which stops its parts in their order.
 */
export function startChild(
  name: string,
  script: string,
  {
    cwd,
    env,
    nodeArguments = [],
  }: { cwd: string; env: NodeJS.ProcessEnv; nodeArguments?: string[] },
): Child {
  const args = [
    ...nodeArguments,
    '--import',
    'tsx',
    '--import',
    './scripts/demo/end-with-parent.ts',
    script,
  ];
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...env, GOOD_JOB_CONSOLE_DEMO_PID: String(process.pid) },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: GROUPS,
  });
  running.add(child);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : `exited with code ${code}`),
    );
  }).finally(() => {
    // What it may have left in its group goes with it.
    killAll(child);
    running.delete(child);
  });
  return {
    name,
    ended,
    async stop(patienceMs) {
      if (!running.has(child)) return;
      // SIGTERM would have the server wait for load balancers that the demo has none of.
      child.kill('SIGINT');
      const patience = new AbortController();
      await Promise.race([
        ended,
        sleep(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined),
      ]);
      patience.abort();
      if (running.has(child)) killAll(child);
      await ended;
    },
  };
}
