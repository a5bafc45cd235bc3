import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ReaderInfo, ReaderWorker, bundleReaders } from './reader-worker';
import { literalRuns, sourceWords } from './source-words';
import { HOSTILE_JSON, coreTexts, textOf } from './texts';

/*
 * The coarse guard of "no job data stops the server"; `npm run bench -- --hostile` measures the growth itself. The
 * redactor has a guard of its own in lib/redaction.
 */

const LENGTH = 1_048_576;
const LIMIT_MS = 2_000;
const SHORT = 65_536;
/**
 * In quadratic time 64 kB in 8 ms are 1 MB in 2 s: what is faster needs no second look. A reader that needs longer for
 * every text is judged by its slowest ones.
 */
const SUSPECT_MS = 8;
const SUSPECT_RATIO = 4;
const ALWAYS = 3;
const MINUTES = 60_000;

let bundle: Awaited<ReturnType<typeof bundleReaders>>;
let worker: ReaderWorker;
let readers: ReaderInfo[];

beforeAll(async () => {
  bundle = await bundleReaders();
  worker = new ReaderWorker(bundle.file);
  readers = await worker.readers();
}, MINUTES);

afterAll(async () => {
  await worker.close();
  bundle.remove();
});

type Text = Parameters<ReaderWorker['run']>[0]['text'];

/** The texts that the reader does not read in time, at 1 MB or at what reaches it. */
async function tooSlow(reader: ReaderInfo, texts: Text[]): Promise<string[]> {
  const failures: string[] = [];
  const short: { text: Text; ms: number }[] = [];
  const read = async (text: Text, length: number) => {
    const name = 'json' in text ? text.json : text.name;
    try {
      const times = await worker.run(
        { reader: reader.name, text, lengths: [length], runs: 1 },
        LIMIT_MS,
      );
      if (!times) failures.push(`${name}: more than 2 s for ${length} characters`);
      return times?.[0]?.[0] ?? null;
    } catch (error) {
      failures.push(`${name}: ${String(error)}`);
      return null;
    }
  };
  for (const text of texts) {
    const ms = await read(text, SHORT);
    if (ms !== null) short.push({ text, ms });
  }
  short.sort((a, b) => b.ms - a.ms);
  const median = short[short.length >> 1]?.ms ?? 0;
  const suspects = short.filter(
    ({ ms }, n) => n < ALWAYS || (ms > SUSPECT_MS && ms > SUSPECT_RATIO * median),
  );
  for (const { text } of suspects) await read(text, LENGTH);
  return failures;
}

const NAMES = [
  'JSON',
  'Active Job values',
  'keys of an object',
  'query language',
  'filter of the URL',
  'filter of the audit',
  'words of a query',
  'word under the caret',
  'failure key',
  'frame of a library',
  'cron schedule',
  'queue strings',
  'process state',
  'cuts and checks',
  'export lines',
  'audit line',
  'cron file',
];

describe('1 MB of every hostile text, each within 2 s in a worker thread', () => {
  it.each(NAMES)(
    '%s reads it in time',
    async (name) => {
      const reader = readers.find((one) => one.name === name);
      expect(reader, 'a reader of this name').toBeDefined();
      if (!reader) return;
      const json = reader.readsJson ? HOSTILE_JSON.map((one) => ({ json: one.name })) : [];
      expect(await tooSlow(reader, [...coreTexts(), ...json])).toEqual([]);
    },
    5 * MINUTES,
  );

  it('covers every reader that is not the redactor', () => {
    expect(readers.filter(({ isRedactor }) => !isRedactor).map(({ name }) => name)).toEqual(NAMES);
  });

  it('ends a reader that is too slow', async () => {
    const task = { reader: 'JSON', text: { json: 'numbers' }, lengths: [LENGTH], runs: 10_000 };
    expect(await worker.run(task, 50)).toBeNull();
    expect(await worker.run({ ...task, lengths: [10], runs: 1 }, MINUTES)).toHaveLength(1);
  });
});

describe('hostile texts', () => {
  it('are taken from the patterns and keywords of the source', () => {
    const { patternWords, keywords, signs } = sourceWords();
    expect(patternWords).toEqual(expect.arrayContaining(['gems', '/releases/']));
    expect(keywords).toEqual(expect.arrayContaining(['password', 'cookie']));
    expect(signs).toEqual(expect.arrayContaining(['=', '[', '{', '\\']));
  });

  it('are of the length that is asked for, in whole characters', () => {
    for (const text of coreTexts()) {
      const made = textOf(text, 10_000);
      expect(made.length).toBeGreaterThan(9_000);
      expect(made.length).toBeLessThanOrEqual(10_000);
    }
    for (const { name, json } of HOSTILE_JSON) {
      expect(json(20_000).length, name).toBeGreaterThan(4_000);
      expect(json(20_000).length, name).toBeLessThan(60_000);
    }
  });

  it('hold what a pattern says literally', () => {
    expect(literalRuns(String.raw`(?<=\bunexpected )token:\s*(?:a|bc)[=:]\u0022{0,7}`)).toEqual([
      'unexpected ',
      'token:',
      'a',
      'bc',
      '=',
      ':',
    ]);
  });
});
