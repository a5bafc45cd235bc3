import { parentPort, workerData } from 'node:worker_threads';
import { compactJson, parseJson } from '../../lib/core/json';
import { Redaction } from '../../lib/redaction/redaction';
import { SecretRegistry } from '../../lib/redaction/secret-registry';

/** The task of the worker thread: redact repeats of each piece and report the CPU time. */
export interface LinearWork {
  pieces: string[];
  /** Characters of the text. The JSON and registry cases use a tenth. */
  length: number;
}

export interface LinearReport {
  piece: string;
  /** Milliseconds of CPU time; undefined in the message before the measurement. */
  name: string;
  /** Milliseconds of CPU time; undefined: the measurement begins now. */
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
    compactJson(rules.redactJson(parseJson(text), { kind: 'arguments' }));
  },
  'keys and short strings': (piece, size) => {
    const count = Math.ceil(size / 10 / (piece.length + 10));
    const entries = Array.from({ length: count }, (_, n) => [`${piece}${n}`, piece]);
    const text = JSON.stringify([Object.fromEntries(entries), { token: 'hunter2Zq9x' }]);
    compactJson(rules.redactJson(parseJson(text), { kind: 'arguments' }));
  },
  'many hidden values with one beginning': (piece, size) => {
    const secrets = new SecretRegistry();
    const prefix = repeat(piece, 48);
    for (let n = 0; n < 300; n += 1) secrets.add(`${prefix}${n}`);
    secrets.hideIn(repeat(piece, size / 10), '*');
  },
};

/** The CPU time of a run in milliseconds. */
function measure(run: () => void): number {
  const before = process.cpuUsage().user;
  run();
  return (process.cpuUsage().user - before) / 1_000;
}

/** Pieces are screened at this fraction of the length. */
const SCREEN_DIVISOR = 16;
/**
 * Quadratic work of 2 s takes 8 ms at a sixteenth of the length, in addition to about 15 ms of
 * linear work. The slowest pieces are always measured at full length.
 */
const SUSPECT_RATIO = 1.4;
const ALWAYS_MEASURED = 40;

/** The pieces to measure at full length. */
function suspectsOf(run: (piece: string, size: number) => void): string[] {
  const screened = pieces.map((piece) => ({
    piece,
    ms: measure(() => run(piece, length / SCREEN_DIVISOR)),
  }));
  screened.sort((a, b) => b.ms - a.ms);
  const median = screened[screened.length >> 1]?.ms ?? 0;
  return screened
    .filter(({ ms }, n) => n < ALWAYS_MEASURED || ms > SUSPECT_RATIO * median)
    .map(({ piece }) => piece);
}

for (const [name, run] of Object.entries(CASES))
  for (const piece of suspectsOf(run)) {
    parentPort?.postMessage({ piece, name } satisfies LinearReport);
    const ms = measure(() => run(piece, length));
    parentPort?.postMessage({ piece, name, ms } satisfies LinearReport);
  }
