import { stringify } from 'lossless-json';
import { isUuid } from '../../lib/core/text';
import { isObject } from './expectation';
import { README_APP, type RecordedApp } from './recorded-app';
import { type SettingAction, type SettingCall, settingCall } from './setting-situation';
import { type Json, type Row, type Vector, microseconds, targetRow } from './vector';

export type JobAction =
  'retry' | 'discard' | 'force_discard' | 'reschedule' | 'destroy' | 'batch_retry';
export type ConsoleAction = JobAction | SettingAction;

export function isJobAction(action: ConsoleAction): action is JobAction {
  return !(['pause', 'unpause', 'enable', 'disable', 'enqueue'] as ConsoleAction[]).includes(
    action,
  );
}

/** The console's action for a vector, and the locks held during it. */
export interface Situation {
  action: ConsoleAction;
  /** The call of a pause or cron action. */
  setting: SettingCall | null;
  /** Ids of jobs or of the batch; for a setting the recording's target. */
  ids: string[];
  /** Only for reschedule: the time in the recording, null for now. */
  scheduledAt: string | null;
  /** Ids of jobs whose advisory lock another session holds. */
  heldJobs: string[];
  /** Ids of processes whose advisory lock another session holds. */
  heldProcesses: string[];
  dequeueQuerySort: 'created_at' | 'scheduled_at';
  app: RecordedApp;
  /** A bulk action by ids, or by the filter parameters of a list's URL. */
  bulk: { by: 'ids' } | { by: 'filter'; query: string } | null;
  /** The name of an unknown bulk action. */
  unknownBulk: string | null;
}

/** The console's actions for GoodJob's methods and its dashboard's actions. */
const ACTIONS = new Map<string, JobAction>([
  ...(['retry', 'discard', 'force_discard', 'reschedule', 'destroy'] as const).flatMap((action) => [
    [`${action}_job`, action] as const,
    [`http_${action}`, action] as const,
  ]),
  ['batch_retry', 'batch_retry'],
  ['http_batch_retry', 'batch_retry'],
]);
const BULK_ACTIONS = ['retry', 'discard', 'reschedule', 'destroy'] as const;

/** The situation of a vector; null for an action that the console does not have. */
export function situationOf(vector: Vector, app: RecordedApp = README_APP): Situation | null {
  const setting = settingCall(vector);
  const call = callOf(vector, setting);
  if (!call) return null;
  const running = runningJobs(vector);
  const workers = vector.before.good_job_processes.filter((process) =>
    running.some((job) => job.locked_by_id === process.id),
  );
  return {
    unknownBulk: null,
    ...call,
    app,
    setting,
    heldJobs: [
      ...(vector.held_advisory_locks ?? []),
      ...(vector.lock_strategy === 'skiplocked' ? [] : running.map(({ id }) => id)),
    ],
    heldProcesses: workers.filter(({ lock_type }) => String(lock_type) === '0').map(({ id }) => id),
    dequeueQuerySort: vector.name.startsWith('dequeue_scheduled_at')
      ? 'scheduled_at'
      : 'created_at',
  };
}

type Call = Pick<Situation, 'action' | 'ids' | 'scheduledAt' | 'bulk'> &
  Partial<Pick<Situation, 'unknownBulk'>>;

function callOf(vector: Vector, setting: SettingCall | null): Call | null {
  if (setting)
    return { action: setting.action, ids: [vector.target], scheduledAt: null, bulk: null };
  return vector.action === 'http_mass_update' ? bulkCall(vector) : singleCall(vector);
}

function singleCall(vector: Vector): Call | null {
  const action = ACTIONS.get(vector.action);
  return action
    ? {
        action,
        ids: [vector.target],
        scheduledAt: action === 'reschedule' ? timeOfReschedule(vector) : null,
        bulk: null,
      }
    : null;
}

const isFinished = (row: Row) => row.finished_at !== null;
const IS_ACTIONABLE: Record<(typeof BULK_ACTIONS)[number], (row: Row) => boolean> = {
  retry: (row) => isFinished(row) && row.error !== null,
  destroy: isFinished,
  discard: (row) => !isFinished(row),
  reschedule: (row) => !isFinished(row),
};

/** A bulk action on ids, or on the actionable jobs that match a filter. */
function bulkCall(vector: Vector): Call {
  const { mass_action, all_job_ids, job_ids, ...filter } = vector.http?.params ?? {};
  const action = BULK_ACTIONS.find((name) => name === mass_action);
  if (!action)
    return {
      action: 'discard',
      ids: [vector.target],
      scheduledAt: null,
      bulk: null,
      unknownBulk: typeof mass_action === 'string' ? mass_action : '',
    };
  if (all_job_ids === undefined)
    return {
      action,
      ids: Array.isArray(job_ids) ? [...new Set(job_ids.map(String).filter(isUuid))] : [],
      scheduledAt: null,
      bulk: { by: 'ids' },
    };
  const parameters = Object.entries(filter).filter(
    ([name, value]) => FILTERS.has(name) && String(value).trim() !== '',
  );
  return {
    action,
    ids: matchingIds(vector, (row, state) => stateOf(row, vector.now_before) === state),
    scheduledAt: null,
    bulk: {
      by: 'filter',
      query: String(new URLSearchParams(parameters.map(([name, value]) => [name, String(value)]))),
    },
  };
}

/** The ids of the jobs of a bulk action by filter; `isInState` defines the states. */
export function matchingIds(
  vector: Vector,
  isInState: (row: Row, state: string) => boolean,
): string[] {
  const { mass_action, ...filter } = vector.http?.params ?? {};
  const action = BULK_ACTIONS.find((name) => name === mass_action);
  const matches = (row: Row) =>
    Object.entries(filter).every(
      ([name, value]) =>
        String(value).trim() === '' ||
        (name === 'state'
          ? isInState(row, String(value))
          : matchesParam(row, name, String(value), vector)),
    );
  return action
    ? vector.before.good_jobs
        .filter((row) => IS_ACTIONABLE[action](row) && matches(row))
        .map(({ id }) => id)
    : [];
}

/** GoodJob's filter parameters of a job list, which its bulk actions use. */
const FILTERS = new Set([
  'state',
  'job_class',
  'queue_name',
  'cron_key',
  'label',
  'query',
  'finished_since',
]);
const SINCE_HOURS: Partial<Record<string, bigint>> = {
  '1_hour_ago': 1n,
  '3_hours_ago': 3n,
  '24_hours_ago': 24n,
  '3_days_ago': 72n,
  '7_days_ago': 168n,
};
const HOUR_MICROSECONDS = 3_600_000_000n;

/** Whether a row matches a parameter of a job list; true for a parameter that is not a filter. */
function matchesParam(row: Row, name: string, value: string, { now_before }: Vector): boolean {
  switch (name) {
    case 'job_class':
    case 'queue_name':
    case 'cron_key':
      return row[name] === value;
    case 'label':
      return Array.isArray(row.labels) && row.labels.includes(value);
    case 'query':
      return [row.id, row.error, row.job_class, row.labels, row.serialized_params].some((text) =>
        (stringify(text ?? null) ?? '').toLowerCase().includes(value.trim().toLowerCase()),
      );
    case 'finished_since':
      return (
        typeof row.finished_at === 'string' &&
        microseconds(row.finished_at) >=
          microseconds(now_before) - (SINCE_HOURS[value] ?? 0n) * HOUR_MICROSECONDS
      );
    default:
      return true;
  }
}

/** The state by the table in GOODJOB.md. */
function stateOf(
  { finished_at, performed_at, scheduled_at, created_at, error }: Row,
  now: string,
): string {
  if (finished_at !== null) return error === null ? 'succeeded' : 'discarded';
  if (performed_at !== null) return 'running';
  if (microseconds(String(scheduled_at ?? created_at)) <= microseconds(now)) return 'queued';
  return error === null ? 'scheduled' : 'retried';
}

/** The job that a worker was running, by the vector's name or, for a bulk action, its target. */
function runningJobs(vector: Vector): Row[] {
  if (!vector.target.startsWith('{'))
    return vector.name.includes('/running')
      ? vector.before.good_jobs.filter(({ id }) => id === vector.target)
      : [];
  const { running } = JSON.parse(vector.target) as { running?: string };
  return vector.before.good_jobs.filter(({ id }) => id === running);
}

/**
 * The time of a reschedule: the stored one if it changed, else the one in the arguments; null for
 * now.
 */
function timeOfReschedule(vector: Vector): string | null {
  if (vector.arguments === undefined || vector.arguments === null) return null;
  const stored = targetRow(vector, vector.after)?.scheduled_at;
  const hasChanged =
    typeof stored === 'string' && stored !== targetRow(vector, vector.before)?.scheduled_at;
  if (!hasChanged) return timeIn(vector.arguments);
  const isNow =
    microseconds(stored) >= microseconds(vector.now_before) &&
    microseconds(stored) <= microseconds(vector.now_after);
  return isNow ? null : stored;
}

/** The first time in the arguments, as ISO 8601 UTC with microseconds. */
function timeIn(value: Json): string | null {
  if (typeof value === 'string') {
    const at = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value) ? Date.parse(value) : NaN;
    if (Number.isNaN(at)) return null;
    const fraction = /\.(\d{1,6})/.exec(value)?.[1] ?? '';
    return `${new Date(at).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0')}Z`;
  }
  const values = isObject<Json>(value) ? Object.values(value) : value;
  return (Array.isArray(values) ? values : []).map(timeIn).find((time) => time !== null) ?? null;
}

const EXPIRED_MICROSECONDS = 300_000_000n;

/** `GoodJob::Process.active` at the time of the recording. */
export function isProcessAlive(
  vector: Vector,
  situation: Situation,
  id: Json | undefined,
): boolean {
  const process = vector.before.good_job_processes.find((row) => row.id === id);
  if (!process) return false;
  if (process.lock_type !== null && process.lock_type !== undefined)
    return situation.heldProcesses.includes(process.id);
  return (
    microseconds(String(process.updated_at)) >
    microseconds(vector.now_before) - EXPIRED_MICROSECONDS
  );
}
