import type { Permission } from '../auth/roles';
import type { ErrorCode } from '../core/errors';
import type { RowSnapshot } from '../good-job/locks';
import type { JobState } from '../good-job/types';
import type { JobAction, Outcome, RefusalCode } from '../good-job/types';

/** Actions on many jobs; `batch_retry` is `GoodJob::Batch#retry`, which also resets the batch. */
export const BULK_ACTIONS = ['retry', 'reschedule', 'discard', 'destroy', 'batch_retry'] as const;
export type BulkAction = (typeof BULK_ACTIONS)[number];

/** The jobs of a run. `query`: the filter parameters of a job list's URL. */
export type BulkTarget =
  | { kind: 'ids'; ids: string[] }
  | { kind: 'filter'; query: string; batchId: string | null }
  /** The discarded members of a batch; only for `batch_retry`. */
  | { kind: 'batch'; batchId: string };

/** Rows that can be selected at once: the largest page of the job list. */
export const MAX_SELECTED = 100;
/** Above this number, the user must enter it to confirm. */
export const CONFIRM_ABOVE = 1_000;

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];

/** The states to which an action applies. */
export const AFFECTED_STATES: Record<BulkAction, readonly JobState[]> = {
  retry: ['discarded'],
  batch_retry: ['discarded'],
  reschedule: UNFINISHED,
  discard: UNFINISHED,
  destroy: ['succeeded', 'discarded'],
};

/** The action on each job of a bulk action. */
export function jobActionOf(action: BulkAction): Exclude<JobAction, 'force_discard'> {
  return action === 'batch_retry' ? 'retry' : action;
}

/** The permission that a bulk action needs. */
export function permissionOf(action: BulkAction): Permission {
  return action === 'batch_retry' ? 'batch.retry' : `job.${action}`;
}

export const COUNT_KINDS = ['exact', 'at_least', 'estimate'] as const;
/** A number of jobs and its accuracy. */
export interface BulkCount {
  kind: (typeof COUNT_KINDS)[number];
  count: number;
}

/** The effect that a run would have, at the time of the cut-off. */
export interface BulkPreview {
  /** The resolved target, with which the run must start. */
  target: BulkTarget;
  cutOff: RowSnapshot;
  /** The jobs to which the action applies. */
  total: BulkCount;
  /** All matches by state; null if counting took too long. */
  states: Partial<Record<JobState, number>> | null;
  /** The numbers in `states` are lower bounds. */
  more: boolean;
  /** The jobs in `total` that would be skipped at present; null if counting took too long. */
  skipped: { running: number; blankError: number; unreadable: number } | null;
  /** Jobs with texts too large to search: they may match, but are not changed. */
  unsearched: number;
}

/**
 * `interrupted`: the row says running, but no server has the lease. `refused`: there were more jobs
 * than confirmed, and none was changed.
 */
export const RUN_STATES = [
  'running',
  'interrupted',
  'paused',
  'cancelled',
  'refused',
  'finished',
] as const;
export type RunState = (typeof RUN_STATES)[number];

export type OutcomeName = Outcome['outcome'];
/** All outcomes in display order. */
export const OUTCOMES = [
  'done',
  'conflict',
  'locked',
  'missing',
  'refused',
] as const satisfies readonly OutcomeName[];
export type OutcomeCounts = Partial<Record<OutcomeName, number>>;

/** A run as shown on its page and returned by its polling endpoint. Times are ISO 8601 UTC. */
export interface BulkRun {
  id: string;
  createdAt: string;
  viewer: string;
  action: BulkAction;
  /** Only for reschedule; null means now. */
  scheduledAt: string | null;
  target: BulkTarget['kind'];
  /** The filter as URL parameters. */
  filter: string | null;
  batchId: string | null;
  cutOffAt: string;
  /** The number of jobs: of the list if `exact`, else of the preview. */
  expected: BulkCount;
  /** The confirmed number; null if it was a lower bound or an estimate. */
  confirmed: number | null;
  state: RunState;
  /** Why the run paused itself; null if a user paused it or it is not paused. */
  pauseReason: ErrorCode | RefusalCode | null;
  /** The reason that the user gave for the run; redacted. */
  reason: string | null;
  /** The user who last paused, resumed or cancelled the run. */
  controlledBy: string | null;
  counts: OutcomeCounts;
  /** The run is in its second pass, over the jobs that were locked in the first one. */
  secondTry: boolean;
  /** Milliseconds during which a server processed the run. */
  activeMs: number;
  finishedAt: string | null;
  /** What became of the retried jobs; absent if they are not counted, or no longer. */
  retries?: RetryCounts;
}

/** The jobs that a run has retried, as they are now; the last four add up to `retried`. */
export interface RetryCounts {
  retried: number;
  succeeded: number;
  /** Discarded again, or failed at least once since and not finished. */
  failed: number;
  /** Waiting or running, without a failed attempt since. */
  waiting: number;
  /** Deleted, or discarded by an operator. */
  removed: number;
}

/** The result of starting a bulk action. */
export type BulkStart =
  | { kind: 'started'; runId: string }
  /** Without the console's schema, selected jobs are changed at once. */
  | { kind: 'done'; counts: OutcomeCounts }
  /** Without the console's schema, a run cannot be stored. */
  | { kind: 'needs_schema' }
  /**
   * The number of more than CONFIRM_ABOVE jobs was not confirmed. `more`: the actual number, if it
   * is larger than the confirmed one.
   */
  | { kind: 'not_confirmed'; more?: number };

/** What a user can do with a run. */
export const CONTROLS = ['pause', 'resume', 'cancel'] as const;
export type Control = (typeof CONTROLS)[number];

/** `conflict`: the state of the run does not allow this control. */
export type ControlOutcome = 'done' | 'conflict' | 'missing';

/** A run that no server will adopt again. */
export interface StalledRun {
  id: string;
  action: BulkAction;
  viewer: string;
  createdAt: string;
  /** The time of the last adoption. */
  since: string;
}

/** A job that the run did not change. */
export interface BulkSample {
  jobId: string;
  outcome: OutcomeName;
  code: RefusalCode | null;
}

/** Maximum number of stored samples of each outcome. */
export const MAX_SAMPLES = 200;

/** The number of jobs that have an outcome. */
export function processedCount(counts: OutcomeCounts): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/**
 * Parses a number that a user entered, with separators or full-width digits; null if it is not a
 * number.
 */
export function parseEnteredCount(text: string): number | null {
  const digits = text.normalize('NFKC').replaceAll(/[\s,.’']/g, '');
  return /^\d{1,15}$/.test(digits) ? Number(digits) : null;
}
