import { isFilterText } from '../core/text';
import type { JobState } from '../good-job/states';
import type { EntryProblem } from './cron-file';
import type { Words } from './describe';
import type { Unreadable } from './fugit/occurrences';

/** A run of a cron key; `at` is its `cron_at`, or when it was created where it has none. */
export interface CronRun {
  id: string;
  at: string;
  state: JobState;
}

/** A schedule as a reader sees it. */
export interface ScheduleView {
  /** As it is written. */
  text: string;
  /** The cron expression that its words mean. */
  asCron: string | null;
  words: Words | null;
  /** The zone whose clock it is of; null when it could not be read. */
  zone: string | null;
  /** The zone is the app's. */
  isAppZone: boolean;
  countsWeeks: boolean;
  unreadable: Unreadable | null;
}

export interface CronRow {
  key: string;
  /** CRON_FILE has it. */
  configured: boolean;
  description: string | null;
  /** Of the file, else of the last job. */
  jobClass: string | null;
  schedule: ScheduleView | null;
  problems: EntryProblem[];
  enabled: boolean;
  /** Newest first, at most RUNS_SHOWN; the first is the last run. */
  runs: CronRun[];
  /** ISO 8601, also of a disabled entry; null: not known. */
  nextAt: string | null;
  /** A run was due then, and nothing was enqueued since. */
  overdueSince: string | null;
  /** The file's entry cannot be enqueued, or neither a file nor a job says what to enqueue. */
  cannotEnqueue: 'entry_invalid' | 'no_source' | null;
}

export interface CronPage {
  rows: CronRow[];
  /** Keys in all, as GoodJob's navigation counts them: those of CRON_FILE, where it is set. */
  enabled: number;
  disabled: number;
  /** Keys of jobs or settings that CRON_FILE does not have. */
  notInFile: number;
  /** CRON_FILE is set; and it could not be read any more. */
  fileGiven: boolean;
  fileStale: boolean;
  /** Live processes that run cron. */
  /** Null: not known on a standby. */
  cronProcesses: number | null;
  /** More keys than are read. */
  more: boolean;
  /** The key before this page, '' for its first page; and the last one of this page. Null: there is none. */
  previous: string | null;
  next: string | null;
}

export interface CronDetail {
  row: CronRow;
  nextRuns: string[];
  /** As GoodJob's page prints the entry; null: the file has no such entry. */
  propertiesJson: string | null;
  fileGiven: boolean;
  /** Null: not known on a standby. */
  cronProcesses: number | null;
}

export const RUNS_SHOWN = 30;
export const NEXT_RUNS = 5;

/** The cron key in a path, which Next hands over as it is written; null for what can be none. */
export function keyOfSegment(segment: string): string | null {
  try {
    const key = decodeURIComponent(segment);
    return key !== '' && isFilterText(key) ? key : null;
  } catch {
    return null;
  }
}
