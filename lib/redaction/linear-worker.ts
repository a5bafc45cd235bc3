import { parentPort, workerData } from 'node:worker_threads';
import { compactJson, parseJson } from '../core/json-text';
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

const CASES: Record<string, (piece: string, size: number) => void> = {
  text: (piece, size) => {
    rules.redactText(repeat(piece, size));
  },
  'JSON string beside hidden values': (piece, size) => {
    const text = JSON.stringify([{ token: `${piece}hunter2` }, repeat(piece, size / 10)]);
    compactJson(rules.redactJson(parseJson(text), { of: 'arguments' }));
  },
  'keys and short strings': (piece, size) => {
    const count = Math.ceil(size / 10 / (piece.length + 10));
    const entries = Array.from({ length: count }, (_, n) => [`${piece}${n}`, piece]);
    const text = JSON.stringify([Object.fromEntries(entries), { token: 'hunter2Zq9x' }]);
    compactJson(rules.redactJson(parseJson(text), { of: 'arguments' }));
  },
  'many hidden values with one beginning': (piece, size) => {
    const secrets = new SecretRegistry();
    const beginning = repeat(piece, 48);
    for (let n = 0; n < 300; n += 1) secrets.add(`${beginning}${n}`);
    secrets.hideIn(repeat(piece, size / 10), '*');
  },
};

/** Milliseconds of CPU time. */
function measure(run: () => void): number {
  const before = process.cpuUsage().user;
  run();
  return (process.cpuUsage().user - before) / 1_000;
}

/** A text is read at a sixteenth of its length first. */
const SCREEN = 16;
/**
 * What takes 2 s in quadratic time takes 8 ms at a sixteenth of the length, beside some 15 ms of linear time. The slowest
 * are always read at the whole length.
 */
const SUSPECT_RATIO = 1.4;
const ALWAYS = 40;

function suspectsOf(run: (piece: string, size: number) => void): string[] {
  const screened = pieces.map((piece) => ({
    piece,
    ms: measure(() => run(piece, length / SCREEN)),
  }));
  screened.sort((a, b) => b.ms - a.ms);
  const median = screened[screened.length >> 1]?.ms ?? 0;
  return screened
    .filter(({ ms }, n) => n < ALWAYS || ms > SUSPECT_RATIO * median)
    .map(({ piece }) => piece);
}

for (const [name, run] of Object.entries(CASES))
  for (const piece of suspectsOf(run)) {
    parentPort?.postMessage({ piece, name } satisfies LinearReport);
    const ms = measure(() => run(piece, length));
    parentPort?.postMessage({ piece, name, ms } satisfies LinearReport);
  }
