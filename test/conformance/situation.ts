import { isObject } from './expectation';
import { type SettingAction, type SettingCall, settingCall } from './setting-situation';
import { type Json, type Row, type Vector, microseconds, targetRow } from './vector';

export type JobAction = 'retry' | 'discard' | 'force_discard' | 'reschedule' | 'destroy' | 'batch_retry';
export type ConsoleAction = JobAction | SettingAction;

export function isJobAction(action: ConsoleAction): action is JobAction {
  return !(['pause', 'unpause', 'enable', 'disable', 'enqueue'] as ConsoleAction[]).includes(action);
}

/** What a vector asks of the console, and who holds what meanwhile. */
export interface Situation {
  action: ConsoleAction;
  /** Of a pause or a cron action: what it is asked to do. */
  setting: SettingCall | null;
  /** Jobs, or the one batch; of a setting what the recording calls its target. */
  ids: string[];
  /** reschedule only: the time of the recording, null for now. */
  scheduledAt: string | null;
  /** Jobs whose advisory lock another session holds. */
  heldJobs: string[];
  /** Processes whose own advisory lock another session holds. */
  heldProcesses: string[];
  dequeueQuerySort: 'created_at' | 'scheduled_at';
  /** A bulk action: by the jobs' ids, or by a list's filter as its URL has it. */
  bulk: { by: 'ids' } | { by: 'filter'; query: string } | null;
}

/** The same words for GoodJob's methods, its dashboard's actions and its bulk actions. */
const ACTIONS = new Map<string, JobAction>([
  ...(['retry', 'discard', 'force_discard', 'reschedule', 'destroy'] as const).flatMap((action) => [[`${action}_job`, action] as const, [`http_${action}`, action] as const]),
  ['batch_retry', 'batch_retry'],
  ['http_batch_retry', 'batch_retry'],
]);
const BULK_ACTIONS = ['retry', 'discard', 'reschedule', 'destroy'] as const;

/** Null for an action that the console does not have. */
export function situationOf(vector: Vector): Situation | null {
  const setting = settingCall(vector);
  const call = setting ? { action: setting.action, ids: [vector.target], scheduledAt: null, bulk: null } : vector.action === 'http_mass_update' ? bulkCall(vector) : singleCall(vector);
  if (!call) return null;
  const running = runningJobs(vector);
  const workers = vector.before.good_job_processes.filter((process) => running.some((job) => job.locked_by_id === process.id));
  return {
    ...call,
    setting,
    heldJobs: [...(vector.held_advisory_locks ?? []), ...(vector.lock_strategy === 'skiplocked' ? [] : running.map(({ id }) => id))],
    heldProcesses: workers.filter(({ lock_type }) => String(lock_type) === '0').map(({ id }) => id),
    dequeueQuerySort: vector.name.startsWith('dequeue_scheduled_at') ? 'scheduled_at' : 'created_at',
  };
}

type Call = Pick<Situation, 'action' | 'ids' | 'scheduledAt' | 'bulk'>;

function singleCall(vector: Vector): Call | null {
  const action = ACTIONS.get(vector.action);
  return action ? { action, ids: [vector.target], scheduledAt: action === 'reschedule' ? timeOfReschedule(vector) : null, bulk: null } : null;
}

/** A bulk action on ids, or on all that a filter matches, in the states that the action is for. */
function bulkCall(vector: Vector): Call | null {
  const { mass_action, all_job_ids, job_ids, ...filter } = vector.http?.params ?? {};
  const action = BULK_ACTIONS.find((name) => name === mass_action);
  if (!action) return null;
  if (all_job_ids === undefined) return { action, ids: Array.isArray(job_ids) ? job_ids.map(String) : [], scheduledAt: null, bulk: { by: 'ids' } };
  const finished = (row: Row) => row.finished_at !== null;
  const meant = { retry: (row: Row) => finished(row) && row.error !== null, destroy: finished, discard: (row: Row) => !finished(row), reschedule: (row: Row) => !finished(row) }[action];
  const ids = vector.before.good_jobs.filter((row) => meant(row) && Object.entries(filter).every(([name, value]) => matches(row, name, String(value), vector))).map(({ id }) => id);
  return { action, ids, scheduledAt: null, bulk: { by: 'filter', query: String(new URLSearchParams(Object.entries(filter).map(([name, value]) => [name, String(value)]))) } };
}

/** Whether a row is one of those that a parameter of a job list lets through. */
function matches(row: Row, name: string, value: string, { now_before }: Vector): boolean {
  switch (name) {
    case 'state':
      return stateOf(row, now_before) === value;
    case 'job_class':
    case 'queue_name':
    case 'cron_key':
      return row[name] === value;
    case 'label':
      return Array.isArray(row.labels) && row.labels.includes(value);
    default:
      throw new Error(`A bulk action by ${name}=${value} cannot be replayed yet.`);
  }
}

/** GOODJOB.md's table of the six states. */
function stateOf({ finished_at, performed_at, scheduled_at, created_at, error }: Row, now: string): string {
  if (finished_at !== null) return error === null ? 'succeeded' : 'discarded';
  if (performed_at !== null) return 'running';
  if (microseconds(String(scheduled_at ?? created_at)) <= microseconds(now)) return 'queued';
  return error === null ? 'scheduled' : 'retried';
}

/** A name with `/running`: a worker was running the target; in a bulk action the target's own names say so. */
function runningJobs(vector: Vector): Row[] {
  if (!vector.target.startsWith('{')) return vector.name.includes('/running') ? vector.before.good_jobs.filter(({ id }) => id === vector.target) : [];
  const { running } = JSON.parse(vector.target) as { running?: string };
  return vector.before.good_jobs.filter(({ id }) => id === running);
}

/** The time to reschedule to: as it was stored, else as the arguments have it. */
function timeOfReschedule(vector: Vector): string | null {
  if (vector.arguments === undefined || vector.arguments === null) return null;
  const stored = targetRow(vector, vector.after)?.scheduled_at;
  const changed = typeof stored === 'string' && stored !== targetRow(vector, vector.before)?.scheduled_at;
  const isNow = changed && microseconds(stored) >= microseconds(vector.now_before) && microseconds(stored) <= microseconds(vector.now_after);
  return changed ? (isNow ? null : stored) : timeIn(vector.arguments);
}

/** The first time in the parameters, as ISO 8601 UTC with microseconds. */
function timeIn(value: Json): string | null {
  if (typeof value === 'string') {
    const at = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value) ? Date.parse(value) : NaN;
    if (Number.isNaN(at)) return null;
    const fraction = /\.(\d{1,6})/.exec(value)?.[1] ?? '';
    return `${new Date(at).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0')}Z`;
  }
  const inner = Array.isArray(value) ? value : isObject<Json>(value) ? Object.values(value) : [];
  return inner.map(timeIn).find((time) => time !== null) ?? null;
}

const EXPIRED = 300_000_000n;

/** GoodJob::Process.active, at the time of the recording. */
export function isProcessAlive(vector: Vector, situation: Situation, id: Json | undefined): boolean {
  const process = vector.before.good_job_processes.find((row) => row.id === id);
  if (!process) return false;
  if (process.lock_type !== null && process.lock_type !== undefined) return situation.heldProcesses.includes(process.id);
  return microseconds(String(process.updated_at)) > microseconds(vector.now_before) - EXPIRED;
}
