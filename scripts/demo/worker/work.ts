import { raise } from '../data/errors';
import { findJobClass, retriedExceptions, retryWaitMs } from '../data/job-classes';
import type { Random } from '../data/random';
import type { ClaimedJob, Performance } from './thread';

/** Seconds: long enough to be seen running, short enough that pages move. */
const SHORTEST = 0.2;
const LONGEST = 8;
/** What failed before fails again this often: a visitor who retries mostly sees it succeed. */
const FAILS_AGAIN = 0.2;

/** How the made-up app's classes behave. A class that it does not know (the source batch's) succeeds. */
export function workOf(random: Random): (job: ClaimedJob) => Performance {
  return (job) => {
    const jobClass = findJobClass(job.jobClass);
    const seconds = Math.min(LONGEST, Math.max(SHORTEST, random.skewed(jobClass?.seconds ?? 1)));
    if (!jobClass || !random.chance(job.executions > 0 ? FAILS_AGAIN : jobClass.failure))
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
