import { stringify } from 'lossless-json';
import type { CronFile, FileEntry } from '../../lib/cron/cron-file';
import { PAUSE_KINDS, type PauseKind } from '../../lib/good-job/types';
import { isObject } from './expectation';
import { type Json, type Row, type Vector, microseconds } from './vector';

export type SettingAction = 'pause' | 'unpause' | 'enable' | 'disable' | 'enqueue';

/** A pause or a cron action of the console. */
export type SettingCall =
  | { action: 'pause' | 'unpause'; target: Partial<Record<PauseKind, string>> }
  /** `file`: the entries of the recording's app. `cronAt`: null for now. */
  | {
      action: 'enable' | 'disable' | 'enqueue';
      key: string;
      file: CronFile;
      cronAt: string | null;
    };

/** The console's action for the vector; null if it is not a pause or cron action. */
export function settingCall(vector: Vector): SettingCall | null {
  const args = isObject<Json>(vector.arguments) ? vector.arguments : {};
  const path = vector.http?.request ?? '';
  switch (vector.action) {
    case 'pause':
    case 'unpause':
      return { action: vector.action, target: pauseTarget(args) };
    case 'http_pause':
    case 'http_unpause': {
      const { type, value } = vector.http?.params ?? {};
      return {
        action: vector.action === 'http_unpause' || path.startsWith('DELETE') ? 'unpause' : 'pause',
        target: pauseTarget({ [text(type)]: text(value) }),
      };
    }
    case 'cron_key_enable':
    case 'cron_key_disable':
      return cronCall(
        vector,
        vector.action === 'cron_key_enable' ? 'enable' : 'disable',
        text(args.key),
      );
    case 'cron_enqueue':
      return cronCall(vector, 'enqueue', text(args.key) || keyInName(vector));
    case 'http_cron':
    case 'http_cron_enqueue':
    case 'http_cron_enable':
    case 'http_cron_disable': {
      const [, key = '', action] =
        /\/cron_entries\/([^/?]+)\/(enqueue|enable|disable)/.exec(path) ?? [];
      return action
        ? cronCall(vector, action as 'enqueue' | 'enable' | 'disable', decodeURIComponent(key))
        : null;
    }
    default:
      return null;
  }
}

const text = (value: Json | undefined) => (typeof value === 'string' ? value : '');

function pauseTarget(args: Record<string, Json>): Partial<Record<PauseKind, string>> {
  return Object.fromEntries(
    PAUSE_KINDS.flatMap((kind) => (typeof args[kind] === 'string' ? [[kind, args[kind]]] : [])),
  );
}

/** The key in the vector's name, unless the name describes the situation. */
function keyInName({ name, before }: Vector): string {
  const part = /^[^/]*cron_enqueue\/([^/]+)/.exec(name)?.[1] ?? '';
  const keys = before.good_jobs.flatMap(({ cron_key }) =>
    typeof cron_key === 'string' ? [cron_key] : [],
  );
  return keys.length === 0 || keys.includes(part) ? part : (keys[0] ?? part);
}

function cronCall(
  vector: Vector,
  action: 'enqueue' | 'enable' | 'disable',
  nameKey: string,
): SettingCall {
  const enqueuedJob = findEnqueuedJob(vector);
  const key = enqueuedJob ? text(enqueuedJob.cron_key) : nameKey;
  const earlierJob = vector.before.good_jobs.find(({ cron_key }) => cron_key === key);
  // Only the response shows that the app has no such entry.
  const isUnknown =
    vector.http?.status === 404 ||
    vector.http?.exception === 'ActiveRecord::RecordNotFound' ||
    (vector.result !== 'ok' && vector.result.error === 'ActiveRecord::RecordNotFound');
  const entries = new Map(isUnknown ? [] : [[key, entryOf(key, enqueuedJob ?? earlierJob)]]);
  // An enqueue without a new job had the same cron_at as an earlier one.
  const cronAt =
    action === 'enqueue' && !enqueuedJob && !isUnknown
      ? text(earlierJob?.cron_at)
      : (earlierCronAt(vector, enqueuedJob) ?? '');
  return { action, key, file: { entries }, cronAt: cronAt === '' ? null : cronAt };
}

/** The cron job that the recorded action enqueued. */
export function findEnqueuedJob({ before, after }: Vector): Row | undefined {
  const ids = new Set(before.good_jobs.map(({ id }) => id));
  return after.good_jobs.find(({ id, cron_key }) => !ids.has(id) && cron_key !== null);
}

/** A `cron_at` before the action, which must have been an argument. */
function earlierCronAt(vector: Vector, job: Row | undefined): string | null {
  const at = job?.cron_at;
  return typeof at === 'string' && microseconds(at) < microseconds(vector.now_before) - 1_000_000n
    ? at
    : null;
}

/** The cron entry, derived from its job because recordings contain no configuration. */
function entryOf(key: string, job: Row | undefined): FileEntry {
  const params = isObject<Json>(job?.serialized_params) ? job.serialized_params : {};
  const priority = params.priority ?? null;
  return {
    key,
    cron: '* * * * *',
    jobClass: text(params.job_class) || null,
    description: null,
    enabledByDefault: true,
    args: null,
    kwargs: null,
    set: null,
    problems: [],
    job: job
      ? {
          jobClass: text(params.job_class),
          arguments: stringify(params.arguments) ?? '[]',
          queue: text(params.queue_name) || null,
          priority: priority === null ? null : Number(String(priority)),
          labels: Array.isArray(job.labels) ? job.labels.map(String) : null,
          concurrencyKey: null,
          waitSeconds: null,
          waitUntil: null,
          notify: true,
        }
      : null,
  };
}
