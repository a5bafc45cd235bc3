import 'server-only';
import { instantMs, isTimestamp } from '../core/text';
import type { ExecutionRow, JobDetail } from './types';

/** A step of a job's timeline. `seconds` is its duration. Times are ISO 8601 UTC. */
export type TimelineStep =
  /** Attempts on other pages of the list. */
  | { kind: 'earlier_attempts' | 'later_attempts' }
  | { kind: 'enqueued' | 'retried_by_hand' | 'due'; at: string }
  | { kind: 'waited' | 'backoff'; at: string; seconds: number }
  | {
      kind: 'attempt';
      at: string;
      number: number | null;
      state: ExecutionRow['state'];
      seconds: number | null;
    }
  | { kind: 'finished'; at: string; state: 'succeeded' | 'discarded' };

/** GoodJob enqueues its own retry when an attempt ends, so a later retry was made by a user. */
const MAX_OWN_RETRY_SECONDS = 5;
/** A job that is due later than this after its enqueue was scheduled for a time. */
const MIN_SCHEDULED_SECONDS = 1;
/** Shorter waits are not listed. */
const MIN_WAIT_SECONDS = 0.0005;

const secondsBetween = (from: string, to: string) => (instantMs(to) - instantMs(from)) / 1000;

/**
 * Returns the timeline of a job, oldest first, from its executions (newest first). The enqueue time
 * of an attempt comes from its own payload, because `created_at` of the job moves with every retry
 * (GoodJob::Job#retry_job).
 */
export function buildTimeline(
  job: JobDetail,
  executions: ExecutionRow[],
  { hasOlder = false, hasNewer = false } = {},
): TimelineStep[] {
  const steps: TimelineStep[] = [];
  let endedAt: string | null = null;
  if (hasOlder) steps.push({ kind: 'earlier_attempts' });
  for (const attempt of [...executions].reverse()) {
    steps.push(...attemptSteps(attempt, endedAt, endedAt === null && !hasOlder));
    endedAt = attempt.finishedAt ?? attempt.createdAt;
  }
  if (hasNewer) return [...steps, { kind: 'later_attempts' }];
  if (endedAt === null) steps.push({ kind: 'enqueued', at: job.createdAt });
  else if (
    !job.finishedAt &&
    !job.performedAt &&
    secondsBetween(endedAt, job.createdAt) > MAX_OWN_RETRY_SECONDS
  )
    steps.push({ kind: 'retried_by_hand', at: job.createdAt });
  if (job.finishedAt)
    steps.push({
      kind: 'finished',
      at: job.finishedAt,
      state: job.state === 'discarded' ? 'discarded' : 'succeeded',
    });
  else if (!job.performedAt && job.scheduledAt) steps.push({ kind: 'due', at: job.scheduledAt });
  return steps;
}

/**
 * Returns one attempt with the enqueue and the wait before it. `previousEndedAt` is null for the
 * first listed attempt.
 */
function attemptSteps(
  attempt: ExecutionRow,
  previousEndedAt: string | null,
  isFirst: boolean,
): TimelineStep[] {
  const steps: TimelineStep[] = [];
  const enqueuedAt =
    attempt.enqueuedAt && isTimestamp(attempt.enqueuedAt)
      ? attempt.enqueuedAt
      : (attempt.scheduledAt ?? attempt.createdAt);
  const isRetryByHand =
    previousEndedAt !== null && secondsBetween(previousEndedAt, enqueuedAt) > MAX_OWN_RETRY_SECONDS;
  if (isFirst || isRetryByHand)
    steps.push({ kind: isRetryByHand ? 'retried_by_hand' : 'enqueued', at: enqueuedAt });
  const from = previousEndedAt === null || isRetryByHand ? enqueuedAt : previousEndedAt;
  const kind = previousEndedAt !== null && !isRetryByHand ? 'backoff' : 'waited';
  // The attempt's recorded wait is preferred, so that the page shows a single number for it.
  const waitSeconds =
    (kind === 'waited' ? attempt.queueWait : null) ?? secondsBetween(from, attempt.createdAt);
  const dueAt = kind === 'waited' && attempt.queueWait !== null ? attempt.scheduledAt : null;
  if (dueAt !== null && secondsBetween(from, dueAt) > MIN_SCHEDULED_SECONDS)
    steps.push({ kind: 'due', at: dueAt });
  if (waitSeconds > MIN_WAIT_SECONDS) steps.push({ kind, at: dueAt ?? from, seconds: waitSeconds });
  steps.push({
    kind: 'attempt',
    at: attempt.createdAt,
    number: attempt.number,
    state: attempt.state,
    seconds: attempt.runTime,
  });
  return steps;
}

/** A bar of the timeline, in ms since 1970. */
interface TimelineBar {
  kind: 'waited' | 'backoff' | 'attempt';
  from: number;
  to: number;
  state: ExecutionRow['state'] | null;
}

/** The attempts of a timeline to scale. */
export interface TimelineScale {
  from: number;
  to: number;
  /** One row an attempt, oldest first: its wait or backoff, then its run. */
  rows: { number: number | null; bars: TimelineBar[] }[];
}

/** Rows of the newest attempts that are drawn. */
const MAX_ROWS = 12;

/**
 * Returns the bars of a timeline; null if no attempt has a duration to draw. An attempt that still
 * runs ends now, and a wait that is not over has no bar.
 */
export function timelineScale(steps: readonly TimelineStep[], nowMs: number): TimelineScale | null {
  const rows: TimelineScale['rows'] = [];
  let waits: TimelineBar[] = [];
  for (const step of steps) {
    if (step.kind === 'enqueued' || step.kind === 'retried_by_hand') waits = [];
    if (step.kind === 'waited' || step.kind === 'backoff')
      waits.push({ kind: step.kind, state: null, ...spanOf(step.at, step.seconds) });
    if (step.kind !== 'attempt') continue;
    const isRunning = step.state === 'running';
    const span = isRunning
      ? { from: instantMs(step.at), to: Math.max(nowMs, instantMs(step.at)) }
      : spanOf(step.at, step.seconds ?? 0);
    rows.push({
      number: step.number,
      bars: [...waits, { kind: 'attempt' as const, state: step.state, ...span }],
    });
    waits = [];
  }
  const newest = rows.slice(-MAX_ROWS);
  const times = newest.flatMap(({ bars }) => bars.flatMap(({ from, to }) => [from, to]));
  if (times.length === 0 || !times.every(Number.isFinite)) return null;
  const from = Math.min(...times);
  const to = Math.max(...times);
  return to > from ? { from, to, rows: newest } : null;
}

function spanOf(at: string, seconds: number): { from: number; to: number } {
  const from = instantMs(at);
  return { from, to: from + Math.max(0, seconds) * 1000 };
}
