import { instantMs, isTimestamp } from '../text';
import type { ExecutionRow, JobDetail } from './types';

/** A step in a job's life, oldest first. `seconds`: how long it lasted. Times are ISO 8601 UTC. */
export type Step =
  /** Attempts that are on other pages of the list. */
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

/** GoodJob enqueues a retry of its own as the attempt ends; later than this it was somebody's hand. Seconds. */
const OWN_RETRY = 5;
/** A job that is due later than this after its enqueue was enqueued for a time. Seconds. */
const LATER = 1;
/** Waits shorter than this are not worth a line. Seconds. */
const SHORT = 0.0005;

const seconds = (from: string, to: string) => (instantMs(to) - instantMs(from)) / 1000;

/**
 * Enqueue, wait, each attempt, back-off, finish. When an attempt was enqueued is in its own payload: the job's
 * `created_at` moves with every retry. `executions` newest first; `hasOlder` and `hasNewer`: there are more.
 */
export function timelineOf(
  job: JobDetail,
  executions: ExecutionRow[],
  { hasOlder = false, hasNewer = false } = {},
): Step[] {
  const steps: Step[] = [];
  let ended: string | null = null;
  if (hasOlder) steps.push({ kind: 'earlier_attempts' });
  for (const attempt of [...executions].reverse()) {
    const enqueued =
      attempt.enqueuedAt && isTimestamp(attempt.enqueuedAt)
        ? attempt.enqueuedAt
        : (attempt.scheduledAt ?? attempt.createdAt);
    const byHand: boolean = ended !== null && seconds(ended, enqueued) > OWN_RETRY;
    const isFirst = ended === null && !hasOlder;
    if (isFirst || byHand)
      steps.push({ kind: ended === null ? 'enqueued' : 'retried_by_hand', at: enqueued });
    const from: string = ended === null || byHand ? enqueued : ended;
    const kind = ended !== null && !byHand ? 'backoff' : 'waited';
    // The wait that the attempt itself has, so that one number stands for it on the page.
    const waited =
      (kind === 'waited' ? attempt.queueWait : null) ?? seconds(from, attempt.createdAt);
    const due = kind === 'waited' && attempt.queueWait !== null ? attempt.scheduledAt : null;
    if (due !== null && seconds(from, due) > LATER) steps.push({ kind: 'due', at: due });
    if (waited > SHORT) steps.push({ kind, at: due ?? from, seconds: waited });
    steps.push({
      kind: 'attempt',
      at: attempt.createdAt,
      number: attempt.number,
      state: attempt.state,
      seconds: attempt.runTime,
    });
    ended = attempt.finishedAt ?? attempt.createdAt;
  }
  if (hasNewer) return [...steps, { kind: 'later_attempts' }];
  if (ended === null) steps.push({ kind: 'enqueued', at: job.createdAt });
  else if (!job.finishedAt && !job.performedAt && seconds(ended, job.createdAt) > OWN_RETRY)
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
