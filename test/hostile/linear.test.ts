import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ReaderInfo, ReaderWorker, bundleReaders } from './reader-worker';
import { literalRuns, sourceWords } from './source-words';
import { HOSTILE_JSON, coreTexts, textOf } from './texts';

/*
 * A coarse test that no job data can block the server; `npm run bench -- --hostile` measures the
 * growth. The redactor has its own test in lib/redaction.
 */

const LENGTH = 1_048_576;
const LIMIT_MS = 2_000;
const SCREEN_LENGTH = 65_536;
/**
 * Quadratic time turns 8 ms for 64 kB into 2 s for 1 MB, so a text that takes less than 8 ms is not
 * measured again. SUSPECT_RATIO limits the suspects of a reader that is slow for every text.
 */
const SUSPECT_MS = 8;
const SUSPECT_RATIO = 4;
/** The number of slowest texts that are always measured at full length. */
const ALWAYS_MEASURED = 3;
const MINUTE_MS = 60_000;

let bundle: Awaited<ReturnType<typeof bundleReaders>>;
let worker: ReaderWorker;
let readers: ReaderInfo[];

beforeAll(async () => {
  bundle = await bundleReaders();
  worker = new ReaderWorker(bundle.file);
  readers = await worker.readers();
}, MINUTE_MS);

afterAll(async () => {
  await worker.close();
  bundle.remove();
});

type Text = Parameters<ReaderWorker['run']>[0]['text'];

/**
 * Describes the texts that the reader does not finish within LIMIT_MS, at 1 MB or at its own length
 * limit.
 */
async function findFailures(reader: ReaderInfo, texts: Text[]): Promise<string[]> {
  const failures: string[] = [];
  const screened: { text: Text; ms: number }[] = [];
  const measure = async (text: Text, length: number) => {
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
    const ms = await measure(text, SCREEN_LENGTH);
    if (ms !== null) screened.push({ text, ms });
  }
  screened.sort((a, b) => b.ms - a.ms);
  const median = screened[screened.length >> 1]?.ms ?? 0;
  const suspects = screened.filter(
    ({ ms }, n) => n < ALWAYS_MEASURED || (ms > SUSPECT_MS && ms > SUSPECT_RATIO * median),
  );
  for (const { text } of suspects) await measure(text, LENGTH);
  return failures;
}

const NAMES = [
  'JSON',
  'Active Job values',
  'object keys',
  'query language',
  'job filter',
  'audit filter',
  'query tokens',
  'token at the cursor',
  'failure key',
  'library frame',
  'cron schedule',
  'queue strings',
  'process state',
  'text helpers',
  'export lines',
  'audit line',
  'cron file',
];

describe('hostile texts of 1 MB', () => {
  it.each(NAMES)(
    'the reader "%s" reads each hostile text of 1 MB within 2 s',
    async (name) => {
      const reader = readers.find((info) => info.name === name);
      expect(reader, 'a reader of this name').toBeDefined();
      if (!reader) return;
      const json = reader.readsJson ? HOSTILE_JSON.map((hostile) => ({ json: hostile.name })) : [];
      expect(await findFailures(reader, [...coreTexts(), ...json])).toEqual([]);
    },
    5 * MINUTE_MS,
  );

  it('NAMES lists every reader except the redactor', () => {
    expect(readers.filter(({ isRedactor }) => !isRedactor).map(({ name }) => name)).toEqual(NAMES);
  });

  it('a slow reader is terminated and restarted', async () => {
    const task = { reader: 'JSON', text: { json: 'numbers' }, lengths: [LENGTH], runs: 10_000 };
    expect(await worker.run(task, 50)).toBeNull();
    expect(await worker.run({ ...task, lengths: [10], runs: 1 }, MINUTE_MS)).toHaveLength(1);
  });
});

describe('generated hostile texts', () => {
  it('generated texts include the patterns, keywords and symbols of the source', () => {
    const { patternWords, keywords, symbols } = sourceWords();
    expect(patternWords).toEqual(expect.arrayContaining(['gems', '/releases/']));
    expect(keywords).toEqual(expect.arrayContaining(['password', 'cookie']));
    expect(symbols).toEqual(expect.arrayContaining(['=', '[', '{', '\\']));
  });

  it('generated texts have about the requested length', () => {
    for (const text of coreTexts()) {
      const built = textOf(text, 10_000);
      expect(built.length).toBeGreaterThan(9_000);
      expect(built.length).toBeLessThanOrEqual(10_000);
    }
    for (const { name, json } of HOSTILE_JSON) {
      expect(json(20_000).length, name).toBeGreaterThan(4_000);
      expect(json(20_000).length, name).toBeLessThan(60_000);
    }
  });

  it('generated texts use the literal runs of a regular expression', () => {
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
