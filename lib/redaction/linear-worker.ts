import { parentPort, workerData } from 'node:worker_threads';
import { compactJson, parseJson } from '../good-job/json';
import { Redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

/** Redacts `count` characters of each piece in a worker thread, and reports the CPU time of each. */
const { pieces, length } = workerData as { pieces: string[]; length: number };
const rules = new Redaction();
const repeat = (piece: string) => piece.repeat(Math.ceil(length / piece.length));

const CASES: Record<string, (piece: string) => void> = {
  'as text': (piece) => {
    rules.redactText(repeat(piece));
  },
  'as a JSON string beside a hidden value': (piece) => {
    const text = JSON.stringify([{ token: `${piece}hunter2` }, repeat(piece)]);
    compactJson(rules.redactJson(parseJson(text), { of: 'arguments' }));
  },
  'as keys and short strings': (piece) => {
    const entries = Array.from({ length: 4_000 }, (_, n) => [`${piece}${n}`, piece]);
    const text = JSON.stringify([Object.fromEntries(entries)]);
    compactJson(rules.redactJson(parseJson(text), { of: 'arguments' }));
  },
  'as many hidden values with one beginning': (piece) => {
    const secrets = new SecretRegistry();
    const beginning = piece.repeat(Math.ceil(48 / piece.length)).slice(0, 48);
    for (let n = 0; n < 1_500; n += 1) secrets.add(`${beginning}${n}`);
    secrets.hideIn(repeat(piece).slice(0, 200_000), '*');
  },
};

for (const piece of pieces)
  for (const [name, run] of Object.entries(CASES)) {
    parentPort?.postMessage({ piece, name });
    const before = process.cpuUsage().user;
    run(piece);
    parentPort?.postMessage({ piece, name, ms: (process.cpuUsage().user - before) / 1_000 });
  }
