import { performance } from 'node:perf_hooks';
import { parentPort } from 'node:worker_threads';
import { READERS, runReader } from './readers';
import { HOSTILE_JSON, type HostileText, textOf } from './texts';

/** What the worker is asked to read: one text or JSON, by one reader, at each of these lengths. */
export interface Task {
  reader: string;
  text: HostileText | { json: string };
  lengths: number[];
  /** Each length is read this many times after one time that does not count. */
  runs: number;
}

/** Milliseconds of each run, by length. */
export type Times = number[][];

function read({ reader, text }: Task, length: number): () => void {
  if (!('json' in text)) {
    const given = textOf(text, length);
    return () => runReader(reader, given, false);
  }
  const json = HOSTILE_JSON.find(({ name }) => name === text.json)?.json(length) ?? '';
  return () => runReader(reader, json, true);
}

parentPort?.on('message', (task: Task) => {
  const times = task.lengths.map((length) => {
    const run = read(task, length);
    const ofLength: number[] = [];
    for (let n = 0; n < task.runs; n += 1) {
      const started = performance.now();
      run();
      ofLength.push(performance.now() - started);
    }
    return ofLength;
  });
  parentPort?.postMessage(times satisfies Times);
});
parentPort?.postMessage(
  Object.entries(READERS).map(([name, { json, maxLength, redactor, words }]) => ({
    name,
    readsJson: json !== undefined,
    maxLength: maxLength ?? null,
    isRedactor: redactor === true,
    readsWords: words === true,
  })),
);
