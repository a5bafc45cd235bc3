import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BulkRunnerOptions } from './bulk-runner';
import type { RaceProcessOptions, Signal } from './stage';

/** A child process with the same module loaders as this one. */
export class RaceProcess {
  private readonly child: ChildProcess;
  /** Resolves with the first message of the process. */
  readonly ready: Promise<unknown>;
  /** Rejects if the process exits on its own. */
  readonly failed: Promise<never>;
  private isEnding = false;

  constructor(
    program: 'worker' | 'client' | 'bulk-runner',
    options: RaceProcessOptions | BulkRunnerOptions,
  ) {
    this.child = fork(fileURLToPath(new URL(`${program}.ts`, import.meta.url)), [
      JSON.stringify(options),
    ]);
    this.failed = once(this.child, 'exit').then(([code]) => {
      if (this.isEnding) return new Promise<never>(() => undefined);
      throw new Error(`A ${program} exited with code ${code}.`);
    });
    this.failed.catch(() => undefined);
    this.ready = Promise.race([
      once(this.child, 'message').then(([message]) => message as unknown),
      this.failed,
    ]);
  }

  /** Sends a signal that listenToRace() receives. */
  send(signal: Signal): void {
    this.child.send(signal);
  }

  /** Stops the process; throws if its exit code is not 0. */
  async end(): Promise<void> {
    this.isEnding = true;
    const exited = once(this.child, 'exit');
    this.send('stop');
    const [code] = (await exited) as [number | null];
    if (code !== 0) throw new Error(`A racer exited with code ${code}.`);
  }

  /** Waits until the process exits on its own; throws if its exit code is not 0. */
  async waitForExit(): Promise<void> {
    this.isEnding = true;
    if (this.child.exitCode !== null) return;
    const [code] = (await once(this.child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`A racer exited with code ${code}.`);
  }

  kill(): void {
    this.isEnding = true;
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
  }
}
