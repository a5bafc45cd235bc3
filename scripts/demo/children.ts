import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program of the demo in its own process group. */
export interface Child {
  name: string;
  /** Resolves with a description of how the process ended. */
  ended: Promise<string>;
  /** Sends SIGINT, and SIGKILL to the process group after the timeout. */
  stop(timeoutMs: number): Promise<void>;
}

const HAS_PROCESS_GROUPS = process.platform !== 'win32';
const running = new Set<ChildProcess>();

// The last resort if the demo crashes: an exit handler cannot await anything.
process.once('exit', () => {
  for (const child of running) killAll(child);
});

function killAll(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(HAS_PROCESS_GROUPS ? -child.pid : child.pid, 'SIGKILL');
  } catch {
    // The process group has ended already.
  }
}

/**
 * Starts a TypeScript program of this project in its own process group, so that Ctrl-C reaches only
 * the demo, which stops its children in order.
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
    detached: HAS_PROCESS_GROUPS,
  });
  running.add(child);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : `exited with code ${code}`),
    );
  }).finally(() => {
    // Also end processes that the child has started.
    killAll(child);
    running.delete(child);
  });
  return {
    name,
    ended,
    async stop(timeoutMs) {
      if (!running.has(child)) return;
      // On SIGTERM the server would wait for load balancers.
      child.kill('SIGINT');
      const timer = new AbortController();
      await Promise.race([
        ended,
        sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined),
      ]);
      timer.abort();
      if (running.has(child)) killAll(child);
      await ended;
    },
  };
}
