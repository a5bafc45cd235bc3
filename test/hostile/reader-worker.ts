import { build } from 'esbuild';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Task, Times } from './measure-worker';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** What the worker reports about a reader: its name and the texts with which to test it. */
export interface ReaderInfo {
  name: string;
  readsJson: boolean;
  /** In characters; null: no limit. */
  maxLength: number | null;
  isRedactor: boolean;
  readsWords: boolean;
}

/** Bundles the readers into a temporary file, because a worker thread cannot load TypeScript. */
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

/**
 * Runs readers in a worker thread. A task beyond its time limit terminates the thread, and the next
 * task starts a new one.
 */
export class ReaderWorker {
  private worker: Promise<Worker> | null = null;
  private info: ReaderInfo[] = [];

  constructor(private readonly file: string) {}

  /** The descriptions of all readers. */
  async readers(): Promise<ReaderInfo[]> {
    await this.ensureStarted();
    return this.info;
  }

  /**
   * Milliseconds per length; null: the time limit was exceeded. Throws the errors of the reader.
   */
  async run(task: Task, limitMs: number): Promise<Times | null> {
    const worker = await this.ensureStarted();
    let timer: NodeJS.Timeout | undefined;
    try {
      worker.postMessage(task);
      const limit = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), limitMs);
      });
      // `once` rejects if the worker emits an error.
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

  /** Terminates the thread. */
  async close(): Promise<void> {
    const worker = await this.worker;
    this.worker = null;
    await worker?.terminate();
  }

  private ensureStarted(): Promise<Worker> {
    this.worker ??= this.start();
    return this.worker;
  }

  private async start(): Promise<Worker> {
    const worker = new Worker(this.file);
    const [info] = (await once(worker, 'message')) as [ReaderInfo[]];
    this.info = info;
    return worker;
  }
}
