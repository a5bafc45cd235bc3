import { build } from 'esbuild';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Task, Times } from './measure-worker';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** What a reader is called and what it is to be given. */
export interface ReaderInfo {
  name: string;
  readsJson: boolean;
  maxLength: number | null;
  isRedactor: boolean;
  readsWords: boolean;
}

/** The readers, bundled into a file of their own: a worker has neither tsx nor vitest to load them. */
export async function bundleReaders(): Promise<{ file: string; remove: () => void }> {
  const folder = mkdtempSync(path.join(PROJECT, 'node_modules', '.hostile-'));
  const file = path.join(folder, 'worker.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('measure-worker.ts', import.meta.url))],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
    alias: { 'server-only': fileURLToPath(new URL('../harness/server-only.ts', import.meta.url)) },
  });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The readers in a thread that can be ended while it is busy. A task that takes longer than its limit ends the thread; the next one starts another. */
export class ReaderWorker {
  private worker: Promise<Worker> | null = null;
  private info: ReaderInfo[] = [];

  constructor(private readonly file: string) {}

  /** All readers. */
  async readers(): Promise<ReaderInfo[]> {
    await this.started();
    return this.info;
  }

  /** Milliseconds by length, or null if the time was up. Throws what the reader throws. */
  async run(task: Task, limitMs: number): Promise<Times | null> {
    const worker = await this.started();
    let timer: NodeJS.Timeout | undefined;
    try {
      worker.postMessage(task);
      const limit = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), limitMs);
      });
      // An error of the worker rejects `once`.
      const times = await Promise.race([
        once(worker, 'message').then(([message]) => message as Times),
        limit,
      ]);
      if (times === null) await this.close();
      return times;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    const worker = await this.worker;
    this.worker = null;
    await worker?.terminate();
  }

  private started(): Promise<Worker> {
    return (this.worker ??= this.start());
  }

  private async start(): Promise<Worker> {
    const worker = new Worker(this.file);
    const [info] = (await once(worker, 'message')) as [ReaderInfo[]];
    this.info = info;
    return worker;
  }
}
