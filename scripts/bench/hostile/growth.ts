import { ReaderWorker, type ReaderInfo, bundleReaders } from '../../../test/hostile/reader-worker';
import {
  HOSTILE_JSON,
  type HostileText,
  coreTexts,
  pairTexts,
  wordTexts,
} from '../../../test/hostile/texts';

/*
 * How the time of each reader grows with its text. First every text at two lengths, then the slowest and whatever grew
 * faster than its length at every doubling up to 1 MB.
 */

const SCREEN_LENGTHS = [32_768, 131_072];
const LENGTHS = [65_536, 131_072, 262_144, 524_288, 1_048_576];
const RUNS = 5;
const MAX_GROWTH = 2.6;
/** Four times the text: more than this is no linear time. */
const SUSPECT_GROWTH = 6;
/** Below this one garbage collection decides, not the reader; what grows too fast exceeds it at a greater length. */
const NOISE_MS = 30;
const RUN_LIMIT_MS = 20_000;
const SCREEN_LIMIT_MS = 4_000;
/** A reader with more texts that it does not read in time is not given the rest. */
const MAX_FAILURES = 10;
/** A text of 1 MB takes no longer in any reader: the guard of `npm test` has the same limit. */
const MAX_MS = 2_000;
const WORST_TEXTS = 10;

type Given = HostileText | { json: string };
const nameOf = (text: Given) => ('json' in text ? `JSON: ${text.json}` : text.name);

/** One reader and its worst text. Milliseconds at half of `length` and at `length`. */
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
  /** The slowest texts of the redactor, worst first: what the columns are filled with. */
  worstTexts: HostileText[];
}

/** Measures the readers whose name `only` matches. `quick`: half of the core texts alone. */
export async function measureGrowth(
  { quick, only }: { quick: boolean; only: RegExp | null },
  log: (line: string) => void,
): Promise<GrowthResult> {
  const bundle = await bundleReaders();
  const worker = new ReaderWorker(bundle.file);
  try {
    const core = quick ? coreTexts().filter((_, n) => n % 2 === 0) : coreTexts();
    const all = quick ? core : [...core, ...pairTexts(), ...wordTexts()];
    const rows: GrowthRow[] = [];
    const slowest = new Map<HostileText, number>();
    for (const reader of await worker.readers()) {
      if (only && !only.test(reader.name)) continue;
      const started = performance.now();
      const row = await measureReader(worker, reader, all, core, quick, slowest);
      rows.push(row);
      log(
        `${row.missed.length > 0 ? 'MISSED ' : ''}${reader.name}: ${row.texts} texts, worst ${row.worst}: ${Math.round(row.ms)} ms at ${row.length}, x${row.growth.toFixed(2)} ${row.missed.join('; ')} (${((performance.now() - started) / 1000).toFixed(0)} s)`,
      );
    }
    const worstTexts = [...slowest].sort((a, b) => b[1] - a[1]).map(([text]) => text);
    return { rows, worstTexts: worstTexts.slice(0, WORST_TEXTS) };
  } finally {
    await worker.close();
    bundle.remove();
  }
}

interface Screened {
  text: Given;
  ms: number;
  growth: number;
  failure: string | null;
}

async function measureReader(
  worker: ReaderWorker,
  reader: ReaderInfo,
  all: HostileText[],
  core: HostileText[],
  quick: boolean,
  slowest: Map<HostileText, number>,
): Promise<GrowthRow> {
  const texts: Given[] = [
    ...(reader.readsWords ? all : core),
    ...(reader.readsJson ? HOSTILE_JSON.map(({ name }) => ({ json: name })) : []),
  ];
  const screened: Screened[] = [];
  let failures = 0;
  for (const text of texts) {
    if (failures >= MAX_FAILURES) break;
    const result = await screen(worker, reader, text);
    screened.push(result);
    if (result.failure !== null) failures += 1;
  }
  if (reader.isRedactor)
    for (const { text, ms } of screened)
      if (!('json' in text)) slowest.set(text, (slowest.get(text) ?? 0) + ms);
  const bySlowness = [...screened].sort((a, b) => b.ms - a.ms);
  const suspects = screened.filter(
    ({ ms, growth, failure }) => failure === null && ms > NOISE_MS && growth > SUSPECT_GROWTH,
  );
  const toMeasure = new Set([...bySlowness.slice(0, quick ? 2 : 6), ...suspects.slice(0, 40)]);
  const missed = screened.flatMap(({ text, failure }) =>
    failure === null ? [] : [`${nameOf(text)}: ${failure}`],
  );
  let worst: Omit<GrowthRow, 'reader' | 'texts' | 'missed'> | null = null;
  for (const { text, failure } of toMeasure) {
    if (failure !== null) continue;
    const row = await measureText(worker, reader, text);
    if (row.missed) missed.push(row.missed);
    if (!worst || row.growth > MAX_GROWTH || (worst.growth <= MAX_GROWTH && row.ms > worst.ms))
      worst = row;
  }
  const none = { worst: '-', length: 0, halfMs: 0, ms: 0, growth: 0 };
  return { reader: reader.name, texts: screened.length, ...(worst ?? none), missed };
}

async function screen(worker: ReaderWorker, reader: ReaderInfo, text: Given): Promise<Screened> {
  const lengths = withinLimit(SCREEN_LENGTHS, reader);
  try {
    const times = await worker.run(
      { reader: reader.name, text, lengths, runs: 1 },
      SCREEN_LIMIT_MS,
    );
    if (!times)
      return { text, ms: SCREEN_LIMIT_MS, growth: 0, failure: 'no answer within 4 s for 128 kB' };
    const [short = 0, long = 0] = times.map((runs) => Math.min(...runs));
    return { text, ms: long, growth: long / Math.max(short, 0.01), failure: null };
  } catch (error) {
    return { text, ms: 0, growth: 0, failure: String(error).slice(0, 100) };
  }
}

/** The lengths that reach the reader; of a reader that cuts early its own limit and half of it. */
function withinLimit(lengths: number[], { maxLength }: ReaderInfo): number[] {
  if (maxLength === null) return lengths;
  const reached = lengths.filter((length) => length <= maxLength);
  return reached.length >= 2 ? reached : [maxLength >> 1, maxLength];
}

/** Each doubling, median of five. A doubling that misses is measured twice more: others use this machine too. */
async function measureText(
  worker: ReaderWorker,
  reader: ReaderInfo,
  text: Given,
): Promise<Omit<GrowthRow, 'reader' | 'texts' | 'missed'> & { missed: string | null }> {
  let worst = { halfMs: 0, ms: 0, growth: 0, length: 0 };
  const lengths = withinLimit(LENGTHS, reader);
  for (let n = 1; n < lengths.length; n += 1) {
    const pair = [lengths[n - 1] ?? 0, lengths[n] ?? 0];
    let measured = await medians(worker, reader, text, pair);
    for (let again = 0; again < 2 && measured && measured.growth > MAX_GROWTH; again += 1) {
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
        missed: `${name}: no answer within 20 s at ${length}`,
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
  text: Given,
  lengths: number[],
): Promise<{ halfMs: number; ms: number; growth: number } | null> {
  const times = await worker.run({ reader: reader.name, text, lengths, runs: RUNS }, RUN_LIMIT_MS);
  if (!times) return null;
  const [halfMs = 0, ms = 0] = times.map(
    (runs) => [...runs].sort((a, b) => a - b)[runs.length >> 1] ?? 0,
  );
  return { halfMs, ms, growth: ms < NOISE_MS ? 0 : ms / Math.max(halfMs, 0.01) };
}
