import type { Permission } from '../auth/roles';
import type { ErrorCode } from '../core/errors';
import type { JobAction } from '../good-job/actions';
import type { Outcome, RefusalCode } from '../good-job/outcomes';
import type { RowSnapshot } from '../good-job/row-snapshot';
import type { JobState } from '../good-job/states';

/** What can be done to many jobs at once; `batch_retry` is Batch#retry, which resets the batch when its members are retried. */
export const BULK_ACTIONS = ['retry', 'reschedule', 'discard', 'destroy', 'batch_retry'] as const;
export type BulkAction = (typeof BULK_ACTIONS)[number];

/** The jobs that a run is for. `query`: the filter of a job list as its URL has it, without paging. */
export type BulkTarget =
  | { kind: 'ids'; ids: string[] }
  | { kind: 'filter'; query: string; batchId: string | null }
  /** Its discarded members; `batch_retry` only. */
  | { kind: 'batch'; batchId: string };

/** Rows that can be selected on a page (lib/jobs/filters.ts allows 100). */
export const MAX_SELECTED = 100;
/** More jobs than this ask for their number to be typed. */
export const CONFIRM_ABOVE = 1_000;

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];

/** The states of which jobs are changed; jobs of any other state are skipped. */
export const AFFECTED_STATES: Record<BulkAction, readonly JobState[]> = {
  retry: ['discarded'],
  batch_retry: ['discarded'],
  reschedule: UNFINISHED,
  discard: UNFINISHED,
  destroy: ['succeeded', 'discarded'],
};

/** What one job action a bulk action is made of. */
export function jobActionOf(action: BulkAction): Exclude<JobAction, 'force_discard'> {
  return action === 'batch_retry' ? 'retry' : action;
}

export function permissionOf(action: BulkAction): Permission {
  return action === 'batch_retry' ? 'batch.retry' : `job.${action}`;
}

/** A number of jobs that says what it is. */
export interface BulkCount {
  kind: 'exact' | 'at_least' | 'estimate';
  count: number;
}

/** What a run would do, as the jobs are at the cut-off. */
export interface BulkPreview {
  /** What was asked for, in words that mean the same jobs from now on; to be started with. */
  target: BulkTarget;
  cutOff: RowSnapshot;
  /** Jobs in a state that the action is for: those the run takes up. */
  total: BulkCount;
  /** All that match, by state; null when they could not be counted in time. */
  states: Partial<Record<JobState, number>> | null;
  /** `states` holds lower bounds: there are more jobs than were looked at. */
  more: boolean;
  /** Of `total`, those that will come to nothing as they are now; null: not looked at in time. */
  skipped: { running: number; blankError: number; unreadable: number } | null;
  /** Jobs whose texts are too large to be searched: they may match, and are not changed. */
  unsearched: number;
}

/**
 * `interrupted`: it runs, says the row, but the server that ran it is gone. `refused`: its list came to more jobs than were
 * confirmed, and none of them was changed.
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
/** In the order in which a result lists them. */
export const OUTCOMES: OutcomeName[] = ['done', 'conflict', 'locked', 'missing', 'refused'];
export type OutcomeCounts = Partial<Record<OutcomeName, number>>;

/** A run as its page and its polling door have it. Times are ISO 8601 UTC. */
export interface BulkRun {
  id: string;
  createdAt: string;
  viewer: string;
  action: BulkAction;
  /** reschedule only; null: at once. */
  scheduledAt: string | null;
  target: BulkTarget['kind'];
  /** URL query of the filter. */
  filter: string | null;
  batchId: string | null;
  cutOffAt: string;
  /** How many jobs there are to take up: the list itself when `exact`, else what the preview could tell. */
  expected: BulkCount;
  /** The exact number that was confirmed; null: it was a lower bound or an estimate. */
  confirmed: number | null;
  state: RunState;
  /** Why it paused by itself; null: somebody paused it, or it does not pause. */
  pauseReason: ErrorCode | RefusalCode | null;
  /** Why it was started, in the words of its viewer; redacted. */
  reason: string | null;
  /** Who paused, resumed or cancelled it last. */
  controlledBy: string | null;
  counts: OutcomeCounts;
  /** Jobs that were held at first and will be tried once more at the end. */
  secondTry: boolean;
  /** Milliseconds in which it was at work. */
  activeMs: number;
  finishedAt: string | null;
}

/** A run that no server continues any more. */
export interface StalledRun {
  id: string;
  action: BulkAction;
  viewer: string;
  createdAt: string;
  /** The last adoption. */
  since: string;
}

export interface BulkSample {
  jobId: string;
  outcome: OutcomeName;
  code: RefusalCode | null;
}

/** Samples kept of each outcome but `done`. */
export const SAMPLES_KEPT = 200;

export function processedOf(counts: OutcomeCounts): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/** What was typed as a number, separators and full-width digits included; null: it is none. */
export function readNumber(text: string): number | null {
  const digits = text.normalize('NFKC').replaceAll(/[\s,.’']/g, '');
  return /^\d{1,15}$/.test(digits) ? Number(digits) : null;
}
