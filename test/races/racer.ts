import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BulkRunnerOptions } from './bulk-runner';
import type { RacerOptions, Signal } from './stage';

/** A process of its own, under the same loaders as this one. */
export class Racer {
  private readonly child: ChildProcess;
  /** What it says first. */
  readonly ready: Promise<unknown>;
  /** Rejects when it ends by itself. */
  readonly failed: Promise<never>;
  private ending = false;

  constructor(
    program: 'worker' | 'client' | 'bulk-runner',
    options: RacerOptions | BulkRunnerOptions,
  ) {
    this.child = fork(fileURLToPath(new URL(`${program}.ts`, import.meta.url)), [
      JSON.stringify(options),
    ]);
    this.failed = once(this.child, 'exit').then(([code]) => {
      if (this.ending) return new Promise<never>(() => undefined);
      throw new Error(`A ${program} ended with exit code ${code}.`);
    });
    this.failed.catch(() => undefined);
    this.ready = Promise.race([
      once(this.child, 'message').then(([message]) => message as unknown),
      this.failed,
    ]);
  }

  send(signal: Signal): void {
    this.child.send(signal);
  }

  async end(): Promise<void> {
    this.ending = true;
    const exited = once(this.child, 'exit');
    this.send('stop');
    const [code] = (await exited) as [number | null];
    if (code !== 0) throw new Error(`A racer ended with exit code ${code}.`);
  }

  /** When it ends by itself, as it should. */
  async over(): Promise<void> {
    this.ending = true;
    if (this.child.exitCode !== null) return;
    const [code] = (await once(this.child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`A racer ended with exit code ${code}.`);
  }

  kill(): void {
    this.ending = true;
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
  }
}
