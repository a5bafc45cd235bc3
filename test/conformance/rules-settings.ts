import { LosslessNumber, parse } from 'lossless-json';
import {
  type Expected,
  type ExpectedRow,
  NEW_ID,
  NOW,
  type OutcomeName,
  PAYLOAD_NOW,
  isObject,
} from './expectation';
import type { RuleState } from './rules';
import { type SettingCall, findEnqueuedJob } from './setting-situation';

const LISTS = { queue: 'queues', job_class: 'job_classes', label: 'labels' } as const;

/** Applies the rules of GOODJOB.md for pauses and cron keys; returns the outcome. */
export function changeSetting(world: RuleState, call: SettingCall): OutcomeName {
  if ('target' in call) return changePauses(world, call.action, call.target);
  if (!call.file.entries.has(call.key) && !isKnown(world, call.key)) return 'missing';
  if (call.action === 'enqueue') return enqueue(world, call);
  const isEnable = call.action === 'enable';
  const ownKey = isEnable ? 'cron_keys_enabled' : 'cron_keys_disabled';
  const own = setting(world, ownKey);
  const other = setting(world, isEnable ? 'cron_keys_disabled' : 'cron_keys_enabled');
  const isList = (value: Expected | undefined) => Array.isArray(value);
  if ((other && other.value !== null && !isList(other.value)) || (own && !isList(own.value)))
    return 'refused';
  if (isList(other?.value) && other) write(other, without(other.value, call.key));
  if (own) write(own, withName(own.value, call.key));
  else insertSetting(world, ownKey, [call.key]);
  return 'done';
}

function changePauses(
  world: RuleState,
  action: 'pause' | 'unpause',
  target: Partial<Record<keyof typeof LISTS, string>>,
): OutcomeName {
  const present = (Object.keys(LISTS) as (keyof typeof LISTS)[]).filter((kind) =>
    /\S/.test(target[kind] ?? ''),
  );
  const [kind] = present;
  if (!kind || present.length > 1) return 'refused';
  const name = target[kind] ?? '';
  const list = LISTS[kind];
  const row = setting(world, 'pauses');
  if (!row) {
    if (action === 'pause')
      insertSetting(world, 'pauses', { queues: [], job_classes: [], labels: [], [list]: [name] });
    return 'done';
  }
  const { value } = row;
  if (
    !isObject<Expected>(value) ||
    !(value[list] === undefined || value[list] === null || Array.isArray(value[list]))
  )
    return 'refused';
  if (action === 'unpause' && !Array.isArray(value[list])) return 'done';
  const next =
    action === 'pause' ? withName(value[list] ?? [], name) : without(value[list] ?? [], name);
  if (next !== value[list]) write(row, { ...value, [list]: next });
  return 'done';
}

function setting({ rows }: RuleState, key: string): ExpectedRow | undefined {
  return rows.good_job_settings.find((row) => row.key === key);
}

function insertSetting({ rows }: RuleState, key: string, value: Expected): void {
  rows.good_job_settings.push({ id: NEW_ID, key, value, created_at: NOW, updated_at: NOW });
}

function write(row: ExpectedRow, value: Expected): void {
  if (value !== row.value) Object.assign(row, { value, updated_at: NOW });
}

/** Returns the list with the name; the same list if it already contains the name. */
function withName(list: Expected | undefined, name: string): Expected {
  const names = list as Expected[];
  return names.includes(name) ? names : [...names, name];
}

function without(list: Expected | undefined, name: string): Expected {
  const names = list as Expected[];
  return names.includes(name) ? names.filter((listed) => listed !== name) : names;
}

function isKnown(world: RuleState, key: string): boolean {
  const isListed = ['cron_keys_enabled', 'cron_keys_disabled'].some((name) => {
    const value = setting(world, name)?.value;
    return Array.isArray(value) && value.includes(key);
  });
  return isListed || world.rows.good_jobs.some((job) => job.cron_key === key);
}

function enqueue(
  world: RuleState,
  { key, file, cronAt }: Extract<SettingCall, { key: string }>,
): OutcomeName {
  const job = file.entries.get(key)?.job;
  if (!job) return 'refused';
  if (
    cronAt !== null &&
    world.rows.good_jobs.some((row) => row.cron_key === key && row.cron_at === cronAt)
  )
    return 'done';
  const priority = job.priority === null ? null : new LosslessNumber(String(job.priority));
  const queue = job.queue ?? 'default';
  const payload: Expected = {
    job_class: job.jobClass,
    job_id: NEW_ID,
    provider_job_id: null,
    queue_name: queue,
    priority,
    arguments: parse(job.arguments) as Expected,
    executions: new LosslessNumber('0'),
    exception_executions: {},
    locale: world.situation.app.locale,
    timezone: world.situation.app.timeZone,
    enqueued_at: PAYLOAD_NOW,
    scheduled_at: null,
  };
  const recordedJob = world.deviations.has('isDecidedByClass')
    ? findEnqueuedJob(world.vector)
    : undefined;
  const classColumns: Partial<ExpectedRow> = recordedJob
    ? {
        concurrency_key: recordedJob.concurrency_key ?? null,
        ...(recordedJob.cron_at === null ? { cron_at: null } : {}),
      }
    : {};
  world.rows.good_jobs.push({
    id: NEW_ID,
    active_job_id: NEW_ID,
    queue_name: queue,
    priority: priority ?? new LosslessNumber('0'),
    job_class: job.jobClass,
    serialized_params: payload,
    labels: job.labels,
    cron_key: key,
    cron_at: cronAt ?? NOW,
    finished_at: null,
    scheduled_at: NOW,
    created_at: NOW,
    updated_at: NOW,
    ...classColumns,
  });
  world.queues.add(queue);
  return 'done';
}
