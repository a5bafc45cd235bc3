/**
 * The six states in the order of the tabs. Tabs, badges, counts, filters and bulk actions derive
 * them by the same rule.
 */
export const JOB_STATES = [
  'scheduled',
  'retried',
  'queued',
  'running',
  'succeeded',
  'discarded',
] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Whether the text is a job state. */
export function isJobState(value: string): value is JobState {
  return (JOB_STATES as readonly string[]).includes(value);
}

export const JOB_ACTIONS = ['reschedule', 'discard', 'force_discard', 'retry', 'destroy'] as const;
export type JobAction = (typeof JOB_ACTIONS)[number];

/** The actions that can be undone, while the row is as the action left it. */
export const UNDOABLE_ACTIONS = ['reschedule', 'discard'] as const satisfies readonly JobAction[];
export type UndoableAction = (typeof UNDOABLE_ACTIONS)[number];

/** Why an action was refused for a row; each code is a message key `outcomes.refused.<code>`. */
export const REFUSAL_CODES = [
  /** `serialized_params` is null or not an object. */
  'params_not_an_object',
  /** No `job_class` in `serialized_params`. */
  'params_without_job_class',
  /** A key of Active Job has a type that it cannot read, such as a number for the queue. */
  'params_of_wrong_type',
  /** The batch's callbacks are due, but the app name for their GlobalID is unknown. */
  'app_name_unknown',
  /** The discard of a batch's job may have completed the batch and enqueued its callbacks. */
  'undo_of_batch_job',
  /** The audit record of the action lacks the old values of this job. */
  'undo_not_recorded',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** The result of an action for one row. */
export type Outcome =
  /**
   * `undoId`: the audit record with which the action can be undone. `scheduledAt`: the time that an
   * undo of a reschedule restored, ISO 8601 UTC; absent if it has passed.
   */
  | { id: string; outcome: 'done'; undoId?: string; scheduledAt?: string }
  /** The action does not apply to the row's current state. */
  | { id: string; outcome: 'conflict' }
  /**
   * A worker or another session holds the row. `processSeenAt`: when its process was last seen.
   */
  | { id: string; outcome: 'locked'; processId?: string; processSeenAt?: string }
  | { id: string; outcome: 'missing' }
  | { id: string; outcome: 'refused'; code: RefusalCode };

/**
 * `callback_batch_missing`: the callback's batch no longer exists, so Active Job cannot deserialize
 * it. `callbacks_not_enqueued`: a batch's callbacks are due but the app name is unknown, so it is
 * refused.
 */
export type ActionWarning = 'callback_batch_missing' | 'callbacks_not_enqueued';

export type ActionWarnings = Partial<Record<JobAction, ActionWarning>>;

/** The parameter names of `GoodJob::Setting.pause`. */
export const PAUSE_KINDS = ['queue', 'job_class', 'label'] as const;
export type PauseKind = (typeof PAUSE_KINDS)[number];
