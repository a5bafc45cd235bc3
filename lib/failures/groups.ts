import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { yieldToEventLoop } from '../core/steps';
import type { TextBudget } from '../core/steps';
import { cut, timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import { LIBRARY_FRAME_PATTERN } from '../good-job/payload';
import { isInState } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { Concealing } from '../redaction/redaction';
import { READ_BEYOND, concealing, redaction } from '../redaction/redaction';
import { redactJobErrors, unreadJob } from '../redaction/row-texts';
import type { FailureRow } from './filters';
import {
  FAILURE_RANGES,
  type FailureGroup,
  type FailureRange,
  RANGE_NAMES,
  SPARK_BARS,
} from './filters';
import { ERROR_READ, FailureReader, normalizeError } from './fingerprints';

/** Which failures are looked at. */
export interface FailureWindow {
  /** Failed at this moment or later. */
  since: string;
  /** Of those that wait to be tried again: scheduled up to this moment; null: all. */
  until: string | null;
  /** Null: of every class. */
  classes: string[] | null;
}

const CLASS_READ = 300;
const FRAMES_READ = 60;
/** A backtrace with more stored bytes is not read: the first frames of it are behind all of its bytes. */
const BACKTRACE_STORED = 64 * 1024;
/** Far more than is shown: a secret in it must not be cut in two. */
export const FRAME_READ = 2_500;

/** Jobs due soonest that are looked at for those that failed before: an index keeps them by time, not by error. */
export const WAITING_READ = 20_000;

const ofClasses = ({ classes }: FailureWindow): Sql =>
  classes ? sql`AND j.job_class = ANY(${classes}::text[])` : empty;

/** The newest execution: index_good_job_executions_on_active_job_id_and_created_at. The first frame that fits ends the search for it; most others are of gems, which LIKE sees in a tenth of the pattern's time. */
const newestExecution = (tables: GoodJobTables): Sql => sql`
  LEFT JOIN LATERAL (SELECT e.finished_at, e.error_backtrace FROM ${tables.executions} e WHERE e.active_job_id = j.id ORDER BY e.created_at DESC LIMIT 1) e ON true
  LEFT JOIN LATERAL (
    SELECT f.frame
      FROM (SELECT left(line, ${FRAME_READ}) AS frame
              FROM unnest(CASE WHEN pg_column_size(e.error_backtrace) <= ${BACKTRACE_STORED}::int THEN e.error_backtrace[1:${FRAMES_READ}::int] END) line OFFSET 0) f
     WHERE CASE WHEN f.frame LIKE ${'%/gems/%'} THEN false ELSE f.frame !~ ${LIBRARY_FRAME_PATTERN} END
     LIMIT 1) f ON true`;

const columns = sql`j.id, left(j.job_class, ${CLASS_READ}) AS "jobClass", left(j.queue_name, ${CLASS_READ}) AS "queueName", left(j.error, ${ERROR_READ}) AS error, f.frame`;

export interface FailurePlace {
  at: string;
  id: string;
}

/** Discarded jobs, the newest first, from a place on; by index_good_jobs_on_discarded. */
export function discardedFailures(
  tx: Tx,
  tables: GoodJobTables,
  window: FailureWindow,
  from: FailurePlace | null,
  limit: number,
): Promise<FailureRow[]> {
  const beyond = from
    ? sql`AND j.finished_at <= ${from.at} AND (j.finished_at, j.id) < (${from.at}, ${from.id}::uuid)`
    : empty;
  return tx.query<FailureRow>(sql`
    SELECT ${columns}, 'discarded' AS state, j.finished_at AS at
      FROM (SELECT j.id, j.job_class, j.queue_name, j.error, j.finished_at FROM ${tables.jobs} j
             WHERE ${isInState('discarded')} AND j.finished_at >= ${window.since} ${beyond} ${ofClasses(window)} ORDER BY j.finished_at DESC, j.id DESC LIMIT ${limit}) j
      ${newestExecution(tables)} ORDER BY j.finished_at DESC, j.id DESC`);
}

/** Up to when jobs that are yet to come are looked at (index_good_jobs_on_scheduled_at); null: all of them are. */
export async function waitingUntil(tx: Tx, tables: GoodJobTables): Promise<string | null> {
  const [row] = await tx.query<{ at: string }>(sql`
    SELECT j.scheduled_at AS at FROM ${tables.jobs} j WHERE j.finished_at IS NULL AND j.scheduled_at > now() ORDER BY j.scheduled_at OFFSET ${WAITING_READ - 1} LIMIT 1`);
  return row?.at ?? null;
}

export interface RetriedFailure extends FailureRow {
  scheduledAt: string;
  /** It failed in the window. */
  isInWindow: boolean;
}

/** Jobs that one statement reads of those that wait to be tried again. */
export const RETRIED_CHUNK = 1_000;

/** The next RETRIED_CHUNK jobs that failed and wait to be tried again, the soonest first, from a place on. */
export function retriedFailures(
  tx: Tx,
  tables: GoodJobTables,
  window: FailureWindow,
  from: FailurePlace | null,
): Promise<RetriedFailure[]> {
  const { since, until } = window;
  const upTo = until === null ? empty : sql`AND j.scheduled_at <= ${until}`;
  const beyond = from
    ? sql`AND j.scheduled_at >= ${from.at} AND (j.scheduled_at, j.id) > (${from.at}, ${from.id}::uuid)`
    : empty;
  return tx.query<RetriedFailure>(sql`
    SELECT r.*, r.at >= ${since} AS "isInWindow" FROM (
      SELECT ${columns}, 'retried' AS state, coalesce(e.finished_at, j.updated_at) AS at,
             j.scheduled_at AS "scheduledAt"
        FROM (SELECT j.id, j.job_class, j.queue_name, j.error, j.updated_at, j.scheduled_at
                FROM ${tables.jobs} j
               WHERE ${isInState('retried')} AND j.scheduled_at > now() ${upTo} ${beyond} ${ofClasses(window)}
               ORDER BY j.scheduled_at, j.id
               LIMIT ${RETRIED_CHUNK}) j
        ${newestExecution(tables)}) r
     ORDER BY r."scheduledAt", r.id`);
}

/** Where the next chunk goes on; null: that was the last one. */
export function afterRetried(rows: RetriedFailure[]): FailurePlace | null {
  const last = rows.at(-1);
  return last && rows.length === RETRIED_CHUNK ? { at: last.scheduledAt, id: last.id } : null;
}

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

/** Without their errors, which lib/failures/groups.ts reads and redacts. */
function keepSample(group: FailureGroup, { id, state, at }: FailureRow): void {
  const last = group.samples.at(-1);
  if (group.samples.length === SAMPLES && last && at <= last.at) return;
  group.samples.push({ id, state, error: null, at });
  group.samples.sort((a, b) => (a.at < b.at ? 1 : -1));
  if (group.samples.length > SAMPLES) group.samples.pop();
}

/** Characters of an error that a sample carries. */
const SAMPLE_SHOWN = 1_000;

/**
 * Adds to each group the error of its newest job, and hides in it, in its normal form, in the frame and in the queues
 * what that job's payload hides.
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
  return groups.map((group) => {
    const [newest, ...others] = group.samples;
    if (!newest) return group;
    const { error, tooLarge, secrets } = jobs.get(newest.id) ?? unreadJob(false);
    const frame = group.frame && {
      text: group.frame,
      bounds: { read: FRAME_READ, shown: FRAME_READ - READ_BEYOND, secrets },
    };
    return {
      ...group,
      jobClass: group.jobClass && rules.redactText(group.jobClass),
      queues: group.queues.map((queue) => rules.redactText(queue, secrets)),
      frame: frame && rules.excerpt(frame.text, frame.bounds),
      error: normalizeError(error ?? ''),
      samples: [{ ...newest, error: error && cut(error, SAMPLE_SHOWN) }, ...others],
      tooLarge,
    };
  });
}

/** More failures are not looked at for one group. */
export const GROUP_LOOKED_AT = 200_000;

/** The jobs of one group in a window: all of them, however long it takes the database (each statement has its timeout). */
export async function failureGroup(
  tx: Tx,
  tables: GoodJobTables,
  fingerprint: string,
  window: FailureWindow,
  concealing: Concealing,
): Promise<string[]> {
  const reader = new FailureReader(concealing);
  const ids: string[] = [];
  let turnStartedAt = performance.now();
  const take = async (rows: FailureRow[]) => {
    for (const row of rows) {
      if (reader.read(row).fingerprint === fingerprint) ids.push(row.id);
      if (performance.now() - turnStartedAt < TURN_MS) continue;
      await yieldToEventLoop();
      turnStartedAt = performance.now();
    }
  };
  let place: FailurePlace | null = null;
  do {
    const rows: RetriedFailure[] = await retriedFailures(tx, tables, window, place);
    await take(rows.filter(({ isInWindow }) => isInWindow));
    place = afterRetried(rows);
  } while (place);
  for (let looked = 0; looked < GROUP_LOOKED_AT; looked += CHUNK) {
    const rows: FailureRow[] = await discardedFailures(tx, tables, window, place, CHUNK);
    await take(rows);
    place = rows.at(-1) ?? null;
    if (rows.length < CHUNK) break;
  }
  return ids;
}

const CHUNK = 1_000;

/** How long the rows of a chunk may hold the event loop. */
const TURN_MS = 10;
