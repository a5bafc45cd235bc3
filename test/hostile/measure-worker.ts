import { performance } from 'node:perf_hooks';
import { parentPort } from 'node:worker_threads';
import { READERS, runReader } from './readers';
import { HOSTILE_JSON, type HostileText, textOf } from './texts';

/** One measurement: a reader reads one text or JSON at each of these lengths. */
export interface Task {
  reader: string;
  text: HostileText | { json: string };
  /** In characters. */
  lengths: number[];
  /** The number of measured runs per length. */
  runs: number;
}

/** Milliseconds of each run, per length. */
export type Times = number[][];

function prepareRun({ reader, text }: Task, length: number): () => void {
  if (!('json' in text)) {
    const input = textOf(text, length);
    return () => runReader(reader, input, false);
  }
  const json = HOSTILE_JSON.find(({ name }) => name === text.json)?.json(length) ?? '';
  return () => runReader(reader, json, true);
}

parentPort?.on('message', (task: Task) => {
  const times = task.lengths.map((length) => {
    const run = prepareRun(task, length);
    const runTimes: number[] = [];
    for (let n = 0; n < task.runs; n += 1) {
      const startedAt = performance.now();
      run();
      runTimes.push(performance.now() - startedAt);
    }
    return runTimes;
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
