import { ReaderWorker, type ReaderInfo, bundleReaders } from '../../../test/hostile/reader-worker';
import {
  HOSTILE_JSON,
  type HostileText,
  coreTexts,
  pairTexts,
  wordTexts,
} from '../../../test/hostile/texts';

/*
 * Measures how the time of each reader grows with the text: first all texts at two lengths, in two
 * workers, then the slowest and those with superlinear growth at each doubling up to 1 MB, in one.
 */

const SCREEN_LENGTHS = [32_768, 131_072];
const LENGTHS = [65_536, 131_072, 262_144, 524_288, 1_048_576];
const RUNS = 5;
const MAX_GROWTH = 2.6;
/** Factor of the time for four times the text; a larger factor is not linear. */
const SUSPECT_GROWTH = 6;
/** Below this time garbage collection dominates; superlinear growth exceeds it at a longer text. */
const NOISE_MS = 30;
const RUN_LIMIT_MS = 20_000;
const SCREEN_LIMIT_MS = 4_000;
/** After this many timeouts the remaining texts of a reader are skipped. */
const MAX_FAILURES = 10;
/** Limit for a text of 1 MB in any reader, the same as in `npm test`. */
const MAX_MS = 2_000;
const WORST_TEXTS = 10;

type ReaderInput = HostileText | { json: string };
const nameOf = (text: ReaderInput) => ('json' in text ? `JSON: ${text.json}` : text.name);

/** One reader and its worst text, with the times at half of `length` and at `length`. */
export interface GrowthRow {
  reader: string;
  texts: number;
  worst: string;
  length: number;
  halfMs: number;
  ms: number;
  growth: number;
  missed: string[];
}

export interface GrowthResult {
  rows: GrowthRow[];
  /** The texts that were slowest in the redactors, slowest first; columns are filled with them. */
  worstTexts: HostileText[];
}

/** Measures the readers whose name matches `only`. `quick` uses half of the core texts. */
export async function measureGrowth(
  { quick, only }: { quick: boolean; only: RegExp | null },
  log: (line: string) => void,
): Promise<GrowthResult> {
  const bundle = await bundleReaders();
  const workers: Workers = [new ReaderWorker(bundle.file), new ReaderWorker(bundle.file)];
  try {
    const core = quick ? coreTexts().filter((_, n) => n % 2 === 0) : coreTexts();
    const all = quick ? core : [...core, ...pairTexts(), ...wordTexts()];
    const rows: GrowthRow[] = [];
    const slowest = new Map<HostileText, number>();
    for (const reader of await workers[0].readers()) {
      if (only && !only.test(reader.name)) continue;
      const startedAt = performance.now();
      const row = await measureReader(workers, reader, all, core, quick, slowest);
      rows.push(row);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      log(
        `${row.missed.length > 0 ? 'MISSED ' : ''}${reader.name}: ${row.texts} texts, ` +
          `worst ${row.worst}: ${Math.round(row.ms)} ms at ${row.length}, ` +
          `x${row.growth.toFixed(2)} ${row.missed.join('; ')} (${seconds} s)`,
      );
    }
    const worstTexts = [...slowest].sort((a, b) => b[1] - a[1]).map(([text]) => text);
    return { rows, worstTexts: worstTexts.slice(0, WORST_TEXTS) };
  } finally {
    for (const worker of workers) await worker.close();
    bundle.remove();
  }
}

/** Both screen texts; the first alone measures growth. */
type Workers = [ReaderWorker, ReaderWorker];

interface ScreenResult {
  text: ReaderInput;
  ms: number;
  growth: number;
  failure: string | null;
}

async function measureReader(
  workers: Workers,
  reader: ReaderInfo,
  all: HostileText[],
  core: HostileText[],
  quick: boolean,
  slowest: Map<HostileText, number>,
): Promise<GrowthRow> {
  const texts: ReaderInput[] = [
    ...(reader.readsWords ? all : core),
    ...(reader.readsJson ? HOSTILE_JSON.map(({ name }) => ({ json: name })) : []),
  ];
  const screenResults = await screenAll(workers, reader, texts);
  if (reader.isRedactor)
    for (const { text, ms } of screenResults)
      if (!('json' in text)) slowest.set(text, (slowest.get(text) ?? 0) + ms);
  const bySlowness = [...screenResults].sort((a, b) => b.ms - a.ms);
  const suspects = screenResults.filter(
    ({ ms, growth, failure }) => failure === null && ms > NOISE_MS && growth > SUSPECT_GROWTH,
  );
  const toMeasure = new Set([...bySlowness.slice(0, quick ? 2 : 6), ...suspects.slice(0, 40)]);
  const missed = screenResults.flatMap(({ text, failure }) =>
    failure === null ? [] : [`${nameOf(text)}: ${failure}`],
  );
  let worst: Omit<GrowthRow, 'reader' | 'texts' | 'missed'> | null = null;
  for (const { text, failure } of toMeasure) {
    if (failure !== null) continue;
    const row = await measureText(workers[0], reader, text);
    if (row.missed) missed.push(row.missed);
    if (!worst || row.growth > MAX_GROWTH || (worst.growth <= MAX_GROWTH && row.ms > worst.ms))
      worst = row;
  }
  const none = { worst: '-', length: 0, halfMs: 0, ms: 0, growth: 0 };
  return { reader: reader.name, texts: screenResults.length, ...(worst ?? none), missed };
}

/** The results of the texts in order. Ends early after MAX_FAILURES failures. */
async function screenAll(
  workers: Workers,
  reader: ReaderInfo,
  texts: ReaderInput[],
): Promise<ScreenResult[]> {
  const results: ScreenResult[] = [];
  let next = 0;
  let failures = 0;
  const screenNext = async (worker: ReaderWorker) => {
    while (failures < MAX_FAILURES) {
      const n = next;
      const text = texts[n];
      if (!text) return;
      next += 1;
      const result = await screen(worker, reader, text);
      results[n] = result;
      if (result.failure !== null) failures += 1;
    }
  };
  await Promise.all(workers.map(screenNext));
  return results.filter(Boolean);
}

async function screen(
  worker: ReaderWorker,
  reader: ReaderInfo,
  text: ReaderInput,
): Promise<ScreenResult> {
  const lengths = withinLimit(SCREEN_LENGTHS, reader);
  try {
    const times = await worker.run(
      { reader: reader.name, text, lengths, runs: 1 },
      SCREEN_LIMIT_MS,
    );
    if (!times)
      return { text, ms: SCREEN_LIMIT_MS, growth: 0, failure: 'timeout of 4 s for 128 kB' };
    const [short = 0, long = 0] = times.map((runs) => Math.min(...runs));
    return { text, ms: long, growth: long / Math.max(short, 0.01), failure: null };
  } catch (error) {
    return { text, ms: 0, growth: 0, failure: String(error).slice(0, 100) };
  }
}

/** The lengths within the reader's limit, or the limit and half of it. */
function withinLimit(lengths: number[], { maxLength }: ReaderInfo): number[] {
  if (maxLength === null) return lengths;
  const reached = lengths.filter((length) => length <= maxLength);
  return reached.length >= 2 ? reached : [maxLength >> 1, maxLength];
}

/**
 * Measures each doubling, and up to two more times if it misses the target, because other load on
 * the machine may have slowed it down.
 */
async function measureText(
  worker: ReaderWorker,
  reader: ReaderInfo,
  text: ReaderInput,
): Promise<Omit<GrowthRow, 'reader' | 'texts' | 'missed'> & { missed: string | null }> {
  let worst = { halfMs: 0, ms: 0, growth: 0, length: 0 };
  const lengths = withinLimit(LENGTHS, reader);
  for (let n = 1; n < lengths.length; n += 1) {
    const pair = [lengths[n - 1] ?? 0, lengths[n] ?? 0];
    let measured = await medians(worker, reader, text, pair);
    for (let retry = 0; retry < 2 && measured && measured.growth > MAX_GROWTH; retry += 1) {
      const next = await medians(worker, reader, text, pair);
      if (next && next.growth < measured.growth) measured = next;
    }
    const length = pair[1] ?? 0;
    const name = nameOf(text);
    if (!measured)
      return {
        ...worst,
        worst: name,
        length,
        missed: `${name}: timeout of 20 s at ${length}`,
      };
    if (measured.growth >= worst.growth || worst.growth <= MAX_GROWTH)
      worst = { ...measured, length };
    if (measured.growth > MAX_GROWTH)
      return {
        ...worst,
        worst: name,
        missed: `${name}: t(2n)/t(n) = ${measured.growth.toFixed(2)} at n = ${pair[0]}`,
      };
  }
  const name = nameOf(text);
  const missed = worst.ms > MAX_MS ? `${name}: ${Math.round(worst.ms)} ms for 1 MB` : null;
  return { ...worst, worst: name, missed };
}

async function medians(
  worker: ReaderWorker,
  reader: ReaderInfo,
  text: ReaderInput,
  lengths: number[],
): Promise<{ halfMs: number; ms: number; growth: number } | null> {
  const times = await worker.run({ reader: reader.name, text, lengths, runs: RUNS }, RUN_LIMIT_MS);
  if (!times) return null;
  const [halfMs = 0, ms = 0] = times.map(
    (runs) => [...runs].sort((a, b) => a - b)[runs.length >> 1] ?? 0,
  );
  return { halfMs, ms, growth: ms < NOISE_MS ? 0 : ms / Math.max(halfMs, 0.01) };
}
