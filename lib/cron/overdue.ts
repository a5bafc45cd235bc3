import 'server-only';
import { statSync } from 'node:fs';
import { env } from '../config/environment';
import { processValue } from '../core/process-state';
import { type CronFile, CronFileError, readCronFile } from './cron-file';
import { type ReadSchedule, previousDue } from './fugit/occurrences';

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

export interface Configured extends CronFile {
  /** CRON_FILE is set. */
  given: boolean;
  /** It cannot be read any more: these are the entries that it had before. */
  stale: boolean;
}

const NOTHING: Configured = { entries: new Map(), given: false, stale: false };
/** A change of the file is seen after so long. */
const CHECK_MS = 5_000;

interface CachedCronFile {
  path: string;
  stamp: string;
  checkedAt: number;
  value: Configured;
}
const shared = processValue<CachedCronFile>('cron file');

/** The entries of CRON_FILE as it is now. A file that went bad after the start leaves those that it had. */
export function configuredCron(): Configured {
  const path = env().cronFile;
  if (path === null) return NOTHING;
  const kept = shared.current?.path === path ? shared.current : undefined;
  if (kept && Date.now() - kept.checkedAt < CHECK_MS) return kept.value;
  const stamp = stampOf(path);
  const value = kept && kept.stamp === stamp ? kept.value : load(path, kept?.value);
  shared.current = { path, stamp, checkedAt: Date.now(), value };
  return value;
}

function load(path: string, before: Configured | undefined): Configured {
  try {
    return { ...readCronFile(path), given: true, stale: false };
  } catch (error) {
    if (!(error instanceof CronFileError)) throw error;
    console.error(error.message);
    return { entries: before?.entries ?? new Map(), given: true, stale: true };
  }
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return 'gone';
  }
}
