import { stringify } from 'lossless-json';
import type { CronFile, FileEntry } from '../../lib/cron/cron-file';
import { PAUSE_KINDS, type PauseKind } from '../../lib/good-job/settings';
import { isObject } from './expectation';
import { type Json, type Row, type Vector, microseconds } from './vector';

export type SettingAction = 'pause' | 'unpause' | 'enable' | 'disable' | 'enqueue';

/** A pause or a cron action, as the console is asked for it. */
export type SettingCall =
  | { action: 'pause' | 'unpause'; given: Partial<Record<PauseKind, string>> }
  /** `file`: CRON_FILE as the recording's app has its entries. `cronAt`: null for now. */
  | {
      action: 'enable' | 'disable' | 'enqueue';
      key: string;
      file: CronFile;
      cronAt: string | null;
    };

/** Null for what is no pause or cron action. */
export function settingCall(vector: Vector): SettingCall | null {
  const args = isObject<Json>(vector.arguments) ? vector.arguments : {};
  const path = vector.http?.request ?? '';
  switch (vector.action) {
    case 'pause':
    case 'unpause':
      return { action: vector.action, given: pauseGiven(args) };
    case 'http_pause':
    case 'http_unpause': {
      const { type, value } = vector.http?.params ?? {};
      return {
        action: vector.action === 'http_unpause' || path.startsWith('DELETE') ? 'unpause' : 'pause',
        given: pauseGiven({ [text(type)]: text(value) }),
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

function pauseGiven(args: Record<string, Json>): Partial<Record<PauseKind, string>> {
  return Object.fromEntries(
    PAUSE_KINDS.flatMap((kind) => (typeof args[kind] === 'string' ? [[kind, args[kind]]] : [])),
  );
}

/** A name may say the key, or what is special about the situation. */
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
  named: string,
): SettingCall {
  const job = enqueuedBy(vector);
  const key = job ? text(job.cron_key) : named;
  const known = vector.before.good_jobs.find(({ cron_key }) => cron_key === key);
  // That the app has no such entry is to be seen from the answer alone.
  const unknown =
    vector.http?.status === 404 ||
    vector.http?.exception === 'ActiveRecord::RecordNotFound' ||
    (vector.result !== 'ok' && vector.result.error === 'ActiveRecord::RecordNotFound');
  const entries = new Map(unknown ? [] : [[key, entryOf(key, job ?? known)]]);
  // A press that made no job met one of its own moment.
  const cronAt =
    action === 'enqueue' && !job && !unknown
      ? text(known?.cron_at)
      : (earlierCronAt(vector, job) ?? '');
  return { action, key, file: { entries }, cronAt: cronAt === '' ? null : cronAt };
}

export function enqueuedBy({ before, after }: Vector): Row | undefined {
  const ids = new Set(before.good_jobs.map(({ id }) => id));
  return after.good_jobs.find(({ id, cron_key }) => !ids.has(id) && cron_key !== null);
}

/** A `cron_at` that is not the moment of the action: it was given. */
function earlierCronAt(vector: Vector, job: Row | undefined): string | null {
  const at = job?.cron_at;
  return typeof at === 'string' && microseconds(at) < microseconds(vector.now_before) - 1_000_000n
    ? at
    : null;
}

/** The entry as the job that it made tells: the recordings carry no configuration. */
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
