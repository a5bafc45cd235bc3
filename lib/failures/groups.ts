import 'server-only';
import type { TextBudget } from '../core/steps';
import { truncateText, timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';
import { EXCERPT_MARGIN, failureRedactor, redaction } from '../redaction/redaction';
import { redactJobErrors, redactWholeJob } from '../redaction/row-texts';
import { MAX_FRAME_CHARS } from './failed-jobs';
import {
  FAILURE_RANGES,
  type FailureGroup,
  type FailureRange,
  type FailureRow,
  RANGE_NAMES,
  SPARK_BARS,
} from './filters';
import { FailureReader, normalizeError } from './fingerprints';

const MAX_SAMPLES = 5;
const MAX_QUEUES = 5;

/** Groups failures by fingerprint; the result does not depend on their order. */
export class FailureGroups {
  private readonly groups = new Map<string, FailureGroup>();
  private readonly reader = new FailureReader(failureRedactor);
  private readonly nowMs: number;
  /** Number of failures added. */
  scanned = 0;

  constructor(
    now: string,
    private readonly range: FailureRange,
  ) {
    this.nowMs = Date.parse(now);
  }

  /** Returns the length of the text that `add` has to redact: 0 for a cached error. */
  costOf(row: FailureRow): number {
    return this.reader.has(row.error) ? 0 : row.error.length;
  }

  add(row: FailureRow): void {
    this.scanned += 1;
    const { fingerprint, error } = this.reader.read(row);
    const group = this.groups.get(fingerprint) ?? newGroup(fingerprint, error, row);
    this.groups.set(fingerprint, group);
    if (
      row.queueName !== null &&
      group.queues.length < MAX_QUEUES &&
      !group.queues.includes(row.queueName)
    )
      group.queues.push(row.queueName);
    if (row.at < group.firstSeen) group.firstSeen = row.at;
    if (row.at >= group.lastSeen) {
      group.lastSeen = row.at;
      group.frame = row.frame;
    }
    this.count(group, row.state, (this.nowMs - timestampMs(row.at)) / 1000);
    addSample(group, row);
  }

  private count(group: FailureGroup, state: FailureRow['state'], ageSeconds: number): void {
    RANGE_NAMES.forEach((name, n) => {
      if (ageSeconds <= FAILURE_RANGES[name]) group.counts[n] = (group.counts[n] ?? 0) + 1;
    });
    const rangeSeconds = FAILURE_RANGES[this.range];
    if (ageSeconds > rangeSeconds && ageSeconds <= 2 * rangeSeconds)
      group.previousCount = (group.previousCount ?? 0) + 1;
    if (ageSeconds > rangeSeconds) return;
    group[state] += 1;
    const barsAgo = Math.floor((ageSeconds / rangeSeconds) * SPARK_BARS);
    const bar = Math.max(0, Math.min(SPARK_BARS - 1, SPARK_BARS - 1 - barsAgo));
    group.spark[bar] = (group.spark[bar] ?? 0) + 1;
  }

  /** Returns a group; undefined if no failure of it was added. */
  groupOf(fingerprint: string): FailureGroup | undefined {
    return this.groups.get(fingerprint);
  }

  /** Number of failures in the range, over all groups. */
  get countInRange(): number {
    const n = RANGE_NAMES.indexOf(this.range);
    return [...this.groups.values()].reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0);
  }

  /**
   * Returns the groups with failures in the range, most frequent first. Failures before `since`
   * were not scanned.
   */
  inRange(since: string): FailureGroup[] {
    const seconds = FAILURE_RANGES[this.range];
    const hasPreviousPeriod = Date.parse(since) <= this.nowMs - 2 * seconds * 1000;
    const n = RANGE_NAMES.indexOf(this.range);
    return [...this.groups.values()]
      .filter(({ counts }) => (counts[n] ?? 0) > 0)
      .map((group) => (hasPreviousPeriod ? group : { ...group, previousCount: null }))
      .sort(byFrequency(this.range));
  }
}

function newGroup(
  fingerprint: string,
  error: string,
  { jobClass, frame, at }: FailureRow,
): FailureGroup {
  return {
    fingerprint,
    jobClass,
    error,
    frame,
    queues: [],
    discarded: 0,
    retried: 0,
    counts: RANGE_NAMES.map(() => 0),
    spark: new Array<number>(SPARK_BARS).fill(0),
    previousCount: 0,
    firstSeen: at,
    lastSeen: at,
    samples: [],
    tooLarge: false,
  };
}

/** Compares groups: most failures in the range first, then the newest. */
export const byFrequency = (range: FailureRange) => (a: FailureGroup, b: FailureGroup) => {
  const n = RANGE_NAMES.indexOf(range);
  return (b.counts[n] ?? 0) - (a.counts[n] ?? 0) || (a.lastSeen < b.lastSeen ? 1 : -1);
};

/** Samples have no error yet; `redactSamples` reads it for the newest one. */
function addSample(group: FailureGroup, { id, state, at }: FailureRow): void {
  const last = group.samples.at(-1);
  if (group.samples.length === MAX_SAMPLES && last && at <= last.at) return;
  group.samples.push({ id, state, error: null, at });
  group.samples.sort((a, b) => (a.at < b.at ? 1 : -1));
  if (group.samples.length > MAX_SAMPLES) group.samples.pop();
}

/** Maximum length of a sample's error. */
const MAX_SAMPLE_CHARS = 1_000;

/**
 * Adds the redacted error of the newest job to each group. Secrets of that job's payload are also
 * redacted in the normalized error, the frame and the queues.
 */
export async function redactSamples(
  tx: Tx,
  tables: GoodJobTables,
  groups: FailureGroup[],
  budget: TextBudget,
): Promise<FailureGroup[]> {
  const rules = redaction();
  const newestIds = groups.flatMap(({ samples }) => samples.slice(0, 1).map(({ id }) => id));
  const jobs = await redactJobErrors(tx, tables, newestIds, budget);
  const redacted: FailureGroup[] = [];
  for (const group of groups) {
    const [newest, ...others] = group.samples;
    if (!newest) {
      redacted.push(group);
      continue;
    }
    const { error, tooLarge, secrets } = jobs.get(newest.id) ?? redactWholeJob(false);
    const frame = group.frame && {
      text: group.frame,
      bounds: { read: MAX_FRAME_CHARS, maxChars: MAX_FRAME_CHARS - EXCERPT_MARGIN, secrets },
    };
    redacted.push({
      ...group,
      jobClass: group.jobClass && rules.redactText(group.jobClass),
      queues: group.queues.map((queue) => rules.redactText(queue, secrets)),
      frame: frame && rules.excerpt(frame.text, frame.bounds),
      error: normalizeError(error ?? ''),
      samples: [{ ...newest, error: error && truncateText(error, MAX_SAMPLE_CHARS) }, ...others],
      tooLarge,
    });
    await budget.yieldIfDue();
  }
  return redacted;
}
