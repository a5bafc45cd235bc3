import { raise } from '../data/errors';
import { findJobClass, retriedExceptions, retryWaitMs } from '../data/job-classes';
import type { Random } from '../data/random';
import type { LockedJob, Performance } from './thread';

/** Long enough to appear as running, short enough that pages change. */
const MIN_SECONDS = 0.2;
const MAX_SECONDS = 8;
/** Low, so that a user who retries a job mostly sees it succeed. */
const RETRY_FAILURE_PROBABILITY = 0.2;

/** Simulates the job classes of the demo app. Unknown classes (of the source batch) succeed. */
export function createPerform(random: Random): (job: LockedJob) => Performance {
  return (job) => {
    const jobClass = findJobClass(job.jobClass);
    const seconds = Math.min(
      MAX_SECONDS,
      Math.max(MIN_SECONDS, random.skewed(jobClass?.seconds ?? 1)),
    );
    if (
      !jobClass ||
      !random.chance(job.executions > 0 ? RETRY_FAILURE_PROBABILITY : jobClass.failure)
    )
      return { seconds };
    const { text, backtrace, kind } = raise(random, jobClass.name, jobClass.errors);
    const retry = {
      waitMs: retryWaitMs(random, jobClass, job.executions + 1),
      exceptions: retriedExceptions(jobClass),
      attempts: jobClass.attempts,
    };
    return { seconds, error: { text, backtrace, rule: kind.rule }, retry };
  };
}
