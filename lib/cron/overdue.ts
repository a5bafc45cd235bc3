import { previousDue } from './runs';
import type { ReadSchedule } from './schedule';

/** Cron enqueues at the moment itself; a busy process needs a little longer. */
const TOLERANCE_MS = 120_000;

/** What is known of the processes that run cron, and of what the table keeps. Times are ms since the epoch. */
export interface CronWatch {
  now: number;
  /** Live processes with cron on. */
  processes: number;
  /** There are others of which a standby does not know whether they are alive. */
  mayHaveOthers: boolean;
  /** The first of them started then. */
  since: number | null;
  /** The cron settings were last changed then. */
  settingsChangedAt: number | null;
  /**
   * The oldest success that is still there: what ran before it may have been cleaned up. Null: none is known. GoodJob keeps
   * the jobs of cron whatever `preserve_job_records` says, and may keep what failed for ever (`cleanup_discarded_jobs`).
   */
  oldestSuccessAt: number | null;
}

/** Nobody cleans up sooner, as far as is known where no success is there to tell. */
const KEPT_MS = 86_400_000;

/** The newest run of a key. Times are ms since the epoch. */
export interface LastRun {
  at: number;
  finishedAt: number | null;
  /** It has labels or a concurrency key: a limit may refuse another job while this one, or one like it, is unfinished. */
  limited: boolean;
  /** Another job of its concurrency key is unfinished. */
  crowded: boolean;
}

/**
 * Since when a key's job is missing; null when none is, or when it cannot be known. Only for a key that is enabled. A
 * run counts as missed when a process was there to enqueue it, nobody switched keys since, its job would still be
 * there, and no limit of concurrency may have refused it.
 */
export function overdueSince(
  read: ReadSchedule,
  last: LastRun | null,
  watch: CronWatch,
): number | null {
  if (watch.processes === 0 || watch.since === null) return null;
  const due = previousDue(read.schedule, watch.now - TOLERANCE_MS);
  if (due === null || (last !== null && (last.at >= due || mayBeRefused(last, due)))) return null;
  if (
    due <= watch.since ||
    due <= (watch.settingsChangedAt ?? 0) ||
    due <= (watch.oldestSuccessAt ?? watch.now - KEPT_MS)
  )
    return null;
  return due;
}

function mayBeRefused(last: LastRun, at: number): boolean {
  return last.crowded || (last.limited && (last.finishedAt === null || last.finishedAt >= at));
}
