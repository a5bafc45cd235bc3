import { timestampMs } from '../core/timestamp-ms';
import { FailureReader } from '../good-job/failure-key';
import type { FailureRow } from '../good-job/failure-rows';
import { concealing } from '../redaction';
import {
  FAILURE_RANGES,
  type FailureGroup,
  type FailureRange,
  RANGE_NAMES,
  SPARK_BARS,
} from './types';

const SAMPLES = 5;
const QUEUES = 5;

/** Puts failures into groups, in whatever order they come. */
export class Groups {
  private readonly groups = new Map<string, FailureGroup>();
  private readonly reader = new FailureReader(concealing);
  private readonly nowMs: number;
  looked = 0;

  constructor(
    now: string,
    private readonly range: FailureRange,
  ) {
    this.nowMs = Date.parse(now);
  }

  /** Bytes of text that `add` has to redact: none for an error that was read before. */
  costOf(row: FailureRow): number {
    return this.reader.has(row.error) ? 0 : row.error.length;
  }

  add(row: FailureRow): void {
    this.looked += 1;
    const { fingerprint, error } = this.reader.read(row);
    let group = this.groups.get(fingerprint);
    if (!group) {
      group = {
        fingerprint,
        jobClass: row.jobClass,
        error,
        frame: row.frame,
        queues: [],
        discarded: 0,
        retried: 0,
        counts: RANGE_NAMES.map(() => 0),
        spark: new Array<number>(SPARK_BARS).fill(0),
        before: 0,
        firstSeen: row.at,
        lastSeen: row.at,
        samples: [],
        tooLarge: false,
      };
      this.groups.set(fingerprint, group);
    }
    if (
      row.queueName !== null &&
      group.queues.length < QUEUES &&
      !group.queues.includes(row.queueName)
    )
      group.queues.push(row.queueName);
    if (row.at < group.firstSeen) group.firstSeen = row.at;
    if (row.at >= group.lastSeen) [group.lastSeen, group.frame] = [row.at, row.frame];
    this.count(group, row.state, (this.nowMs - timestampMs(row.at)) / 1000);
    keepSample(group, row);
  }

  private count(group: FailureGroup, state: FailureRow['state'], age: number): void {
    RANGE_NAMES.forEach((name, n) => {
      if (age <= FAILURE_RANGES[name]) group.counts[n] = (group.counts[n] ?? 0) + 1;
    });
    const seconds = FAILURE_RANGES[this.range];
    if (age > seconds && age <= 2 * seconds) group.before = (group.before ?? 0) + 1;
    if (age > seconds) return;
    group[state] += 1;
    const bar = Math.max(
      0,
      Math.min(SPARK_BARS - 1, SPARK_BARS - 1 - Math.floor((age / seconds) * SPARK_BARS)),
    );
    group.spark[bar] = (group.spark[bar] ?? 0) + 1;
  }

  /** Failures in the range, of all groups. */
  get inPeriod(): number {
    const n = RANGE_NAMES.indexOf(this.range);
    return [...this.groups.values()].reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0);
  }

  /** Those with failures in the range, the most frequent first. `since`: what is older was not looked at. */
  inRange(since: string): FailureGroup[] {
    const seconds = FAILURE_RANGES[this.range];
    const knowsBefore = Date.parse(since) <= this.nowMs - 2 * seconds * 1000;
    const n = RANGE_NAMES.indexOf(this.range);
    return [...this.groups.values()]
      .filter(({ counts }) => (counts[n] ?? 0) > 0)
      .map((group) => (knowsBefore ? group : { ...group, before: null }))
      .sort(byFrequency(this.range));
  }
}

/** The most frequent in the range first, then the newest. */
export const byFrequency = (range: FailureRange) => (a: FailureGroup, b: FailureGroup) => {
  const n = RANGE_NAMES.indexOf(range);
  return (b.counts[n] ?? 0) - (a.counts[n] ?? 0) || (a.lastSeen < b.lastSeen ? 1 : -1);
};

/** Without their errors, which lib/failures/samples.ts reads and redacts. */
function keepSample(group: FailureGroup, { id, state, at }: FailureRow): void {
  const last = group.samples.at(-1);
  if (group.samples.length === SAMPLES && last && at <= last.at) return;
  group.samples.push({ id, state, error: null, at });
  group.samples.sort((a, b) => (a.at < b.at ? 1 : -1));
  if (group.samples.length > SAMPLES) group.samples.pop();
}
