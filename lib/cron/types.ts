import { isFilterText } from '../core/text';
import type { JobState } from '../good-job/types';
import type { EntryProblem } from './cron-file';
import type { UnreadableReason } from './fugit/occurrences';

/**
 * A common schedule in words; each kind is a message `cron.words.<kind>`. Times are `HH:MM`,
 * weekdays 0 (Sunday) to 6.
 */
export type ScheduleWords =
  | { kind: 'seconds' | 'minutes'; every: number }
  | { kind: 'hours'; every: number; minute: string }
  | { kind: 'hourly'; minutes: string[] }
  | { kind: 'daily'; times: string[] }
  | { kind: 'weekly'; weekdays: number[]; times: string[] }
  /** In `monthdays`, -1 is the last day of the month. */
  | { kind: 'monthly'; monthdays: number[]; times: string[] }
  | { kind: 'yearly'; months: number[]; monthdays: number[]; times: string[] };

/** A run of a cron key; `at` is its `cron_at`, else its `created_at`. */
export interface CronRun {
  id: string;
  at: string;
  state: JobState;
}

/** A schedule as the pages show it. */
export interface ScheduleView {
  /** The schedule as CRON_FILE has it. */
  text: string;
  /** The cron expression of a schedule in natural language; null: `text` is one. */
  asCron: string | null;
  words: ScheduleWords | null;
  /** The time zone of the schedule; null: it could not be parsed. */
  zone: string | null;
  /** The schedule has no zone, so `zone` is the app's. */
  isAppZone: boolean;
  /** The schedule uses every nth week (`mon%2`). */
  hasWeekModulo: boolean;
  /** Why the schedule could not be parsed. */
  unreadable: UnreadableReason | null;
}

export interface CronRow {
  key: string;
  /** CRON_FILE has the key. */
  isConfigured: boolean;
  description: string | null;
  /** From CRON_FILE, else from the last job. */
  jobClass: string | null;
  schedule: ScheduleView | null;
  problems: EntryProblem[];
  enabled: boolean;
  /** Newest first, at most RUNS_SHOWN. */
  runs: CronRun[];
  /** The next run, also of a disabled entry, in ISO 8601 UTC; null: unknown. */
  nextAt: string | null;
  /** When the missing run was due, in ISO 8601 UTC; null: none is missing. */
  overdueSince: string | null;
  /** Why the key cannot be enqueued: an invalid entry, or neither an entry nor a job to clone. */
  cannotEnqueue: 'entry_invalid' | 'no_source' | null;
}

export interface CronPage {
  rows: CronRow[];
  /** All keys by state, as GoodJob's navigation counts them: with CRON_FILE, only its keys. */
  enabled: number;
  disabled: number;
  /** Keys of jobs or settings that CRON_FILE does not have. */
  notInFile: number;
  /** CRON_FILE is set. */
  hasCronFile: boolean;
  /** CRON_FILE became unreadable, so its previous entries are listed. */
  isCronFileStale: boolean;
  /** Live processes that run cron; null: unknown on a standby. */
  cronProcesses: number | null;
  /** There are more keys than the scan limit. */
  more: boolean;
  /** `after` of the previous page ('' for the first one); null: there is none. */
  previous: string | null;
  /** `after` of the next page: the last key of this one; null: there is none. */
  next: string | null;
}

export interface CronDetail {
  row: CronRow;
  /** The next NEXT_RUNS runs, in ISO 8601 UTC. */
  nextRuns: string[];
  /** `GoodJob::CronEntry#display_properties` as JSON text; null: CRON_FILE has no such entry. */
  propertiesJson: string | null;
  /** CRON_FILE is set. */
  hasCronFile: boolean;
  /** Live processes that run cron; null: unknown on a standby. */
  cronProcesses: number | null;
}

export interface UpcomingCron {
  /** CRON_FILE is set; without it no schedule is known. */
  hasCronFile: boolean;
  /** Live processes that run cron; null: unknown on a standby. */
  cronProcesses: number | null;
  /** The enabled entries that run within the time, each with its next run, the first one first. */
  runs: (Pick<CronRow, 'key' | 'jobClass' | 'schedule'> & { at: string })[];
  /** Entries beyond the limit. */
  omitted: number;
}

export const RUNS_SHOWN = 30;
export const NEXT_RUNS = 5;

/**
 * Returns the cron key of a path segment, which Next.js leaves encoded; null: it is not a valid
 * key.
 */
export function keyOfSegment(segment: string): string | null {
  try {
    const key = decodeURIComponent(segment);
    return key !== '' && isFilterText(key) ? key : null;
  } catch {
    return null;
  }
}
