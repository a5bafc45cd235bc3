import type { JobState } from '../good-job/states';
import type { ErrorEvent } from '../good-job/raw-rows';

/** A job as lists show it. Times are ISO 8601 UTC text with microseconds; long texts are cut. */
export interface JobRow {
  id: string;
  jobClass: string | null;
  queueName: string | null;
  priority: number | null;
  labels: string[];
  /** Attempts so far (`executions_count`). */
  attempts: number;
  error: string | null;
  state: JobState;
  /** When it came into its state: finished, performed, or is to be performed. */
  lastAt: string;
  sortAt: string;
  batchId: string | null;
  /** Refinements on top of the state. */
  paused: boolean;
  lostWorker: boolean;
}

export interface JobDetail extends JobRow {
  createdAt: string;
  scheduledAt: string | null;
  performedAt: string | null;
  finishedAt: string | null;
  errorEvent: ErrorEvent | null;
  concurrencyKey: string | null;
  cronKey: string | null;
  cronAt: string | null;
  batchCallbackId: string | null;
  lockedById: string | null;
  /** When the process that holds it by `locked_by_id` was last seen; null when there is no such process. */
  processSeenAt: string | null;
  /** Whether somebody live holds it now. */
  held: boolean;
  /** The arguments as pretty JSON, decoded as a reader would write them; cut at ARGUMENTS_SHOWN characters. */
  argumentsJson: string;
  argumentsLength: number;
  retryable: boolean;
}

/** Executions a page lists; a job with more has been retried by hand for weeks. */
export const EXECUTIONS_SHOWN = 100;

export interface ExecutionRow {
  id: string;
  /** `serialized_params.executions` + 1. */
  number: number | null;
  state: 'running' | 'succeeded' | 'retried' | 'discarded';
  createdAt: string;
  /** When this attempt was enqueued, as its payload says; untrusted text. */
  enqueuedAt: string | null;
  scheduledAt: string | null;
  finishedAt: string | null;
  /** Seconds. */
  queueWait: number | null;
  /** Seconds, by the worker's monotonic clock. */
  runTime: number | null;
  error: string | null;
  errorEvent: ErrorEvent | null;
  /** Frames of the app first; the rest is folded. */
  applicationFrames: string[];
  otherFrames: string[];
  processId: string | null;
}
