import { parentPort, workerData } from 'node:worker_threads';
import { compactJson, parseJson } from '../good-job/json';
import { Redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

/** Redacts repeats of each piece in a worker thread, and reports the CPU time of each, in milliseconds. */
export interface LinearWork {
  pieces: string[];
  /** Characters of the text; the other cases have a tenth of them. */
  length: number;
}

export interface LinearReport {
  piece: string;
  name: string;
  /** Undefined: it begins now. */
  ms?: number;
}

const { pieces, length } = workerData as LinearWork;
const rules = new Redaction();
const repeat = (piece: string, size: number) =>
  piece.repeat(Math.ceil(size / piece.length)).slice(0, size);

const CASES: Record<string, (piece: string) => void> = {
  text: (piece) => {
    rules.redactText(repeat(piece, length));
  },
  'JSON string beside hidden values': (piece) => {
    const text = JSON.stringify([{ token: `${piece}hunter2` }, repeat(piece, length / 10)]);
    compactJson(rules.redactJson(parseJson(text), { of: 'arguments' }));
  },
  'keys and short strings': (piece) => {
    const count = Math.ceil(length / 10 / (piece.length + 10));
    const entries = Array.from({ length: count }, (_, n) => [`${piece}${n}`, piece]);
    const text = JSON.stringify([Object.fromEntries(entries), { token: 'hunter2Zq9x' }]);
    compactJson(rules.redactJson(parseJson(text), { of: 'arguments' }));
  },
  'many hidden values with one beginning': (piece) => {
    const secrets = new SecretRegistry();
    const beginning = repeat(piece, 48);
    for (let n = 0; n < 300; n += 1) secrets.add(`${beginning}${n}`);
    secrets.hideIn(repeat(piece, length / 10), '*');
  },
};

for (const piece of pieces)
  for (const [name, run] of Object.entries(CASES)) {
    parentPort?.postMessage({ piece, name } satisfies LinearReport);
    const before = process.cpuUsage().user;
    run(piece);
    const ms = (process.cpuUsage().user - before) / 1_000;
    parentPort?.postMessage({ piece, name, ms } satisfies LinearReport);
  }
