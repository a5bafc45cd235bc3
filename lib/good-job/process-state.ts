import { type Pool, parsePools } from './processes';

/*
 * What a worker tells of itself (`good_job_processes.state`, GoodJob::Process.process_state). Another release may leave
 * keys out, and the row may hold anything: what is not of the expected type is null, never an error.
 */

export interface Scheduler {
  /** Its queue string, and what GoodJob calls it; null: not told. */
  queues: string | null;
  name: string | null;
  /** Empty when it does not tell what it serves. */
  pools: Pool[];
  maxThreads: number | null;
  activeThreads: number | null;
  /** Jobs to come that it keeps in memory, and how many it may. */
  activeCache: number | null;
  maxCache: number | null;
  succeeded: number | null;
  errored: number | null;
  /** It looked for a job, and there was none. */
  empty: number | null;
  total: number | null;
  /** Its last job, and when it last looked for one; as the worker's own clock says. */
  executionAt: string | null;
  checkQueueAt: string | null;
}

export interface ReportedState {
  hostname: string | null;
  pid: string | null;
  proctitle: string | null;
  /** The title as GoodJob shows it: without the folders before it. */
  basename: string | null;
  /** kB. */
  memory: number | null;
  /** The first SCHEDULERS of them. */
  schedulers: Scheduler[];
  schedulersTotal: number;
  /** It has a list of them at all, if an empty one. */
  tellsSchedulers: boolean;
  cronEnabled: boolean | null;
  /** True, false, or what else the app configured (`on_unhandled_error`, a lambda). */
  preserveJobRecords: boolean | string | null;
  retryOnUnhandledError: boolean | string | null;
  databasePool: { size: number | null; active: number | null } | null;
  succeeded: number | null;
  errored: number | null;
  /** Keys that the console does not know. */
  otherKeys: string[];
}

/** A worker has one for each part of its queue string. */
export const SCHEDULERS = 100;
const TEXT = 1_000;
const OTHER_KEYS = 20;

type Values = Record<string, unknown>;

const valuesOf = (value: unknown): Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : {};
const own = (values: Values, key: string) => (Object.hasOwn(values, key) ? values[key] : undefined);

function textOf(value: unknown, length = TEXT): string | null {
  return typeof value === 'string' || typeof value === 'number'
    ? Array.from(String(value).slice(0, length * 2))
        .slice(0, length)
        .join('')
    : null;
}

/** A count: no fraction, not below zero; also as digits in a string. */
function countOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0
    ? Math.min(Math.floor(number), Number.MAX_SAFE_INTEGER)
    : null;
}

/** As GoodJob's page reads it (ActiveModel::Type::Boolean). */
function booleanOf(value: unknown): boolean | null {
  if (value === undefined || value === null || value === '' || typeof value === 'object')
    return null;
  return !(
    value === false ||
    value === 0 ||
    (typeof value === 'string' && /^(0|f|F|false|FALSE|off|OFF)$/.test(value))
  );
}

const settingOf = (value: unknown): boolean | string | null =>
  typeof value === 'boolean' ? value : textOf(value, 100);

/** Reads `state`; null or text that is no JSON is a state in which nothing is told. */
export function readProcessState(json: string | null): ReportedState {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(json ?? 'null');
  } catch {
    // Cut off on its way: nothing is told.
  }
  const state = valuesOf(parsed);
  const schedulers = own(state, 'schedulers');
  const listed = Array.isArray(schedulers) ? (schedulers as unknown[]) : [];
  const pool = own(state, 'database_connection_pool');
  const proctitle = textOf(own(state, 'proctitle'));
  return {
    hostname: textOf(own(state, 'hostname'), 255),
    pid: textOf(own(state, 'pid'), 40),
    proctitle,
    basename: proctitle && basename(proctitle),
    memory: countOf(own(state, 'memory')),
    schedulers: listed.slice(0, SCHEDULERS).map(readScheduler),
    schedulersTotal: listed.length,
    tellsSchedulers: Array.isArray(schedulers),
    cronEnabled: booleanOf(own(state, 'cron_enabled')),
    preserveJobRecords: settingOf(own(state, 'preserve_job_records')),
    retryOnUnhandledError: settingOf(own(state, 'retry_on_unhandled_error')),
    databasePool:
      pool === undefined || pool === null
        ? null
        : {
            size: countOf(own(valuesOf(pool), 'size')),
            active: countOf(own(valuesOf(pool), 'active')),
          },
    succeeded: countOf(own(state, 'total_succeeded_executions_count')),
    errored: countOf(own(state, 'total_errored_executions_count')),
    otherKeys: Object.keys(state)
      .filter((key) => !KNOWN.has(key))
      .slice(0, OTHER_KEYS)
      .map((key) => key.slice(0, 100)),
  };
}

const KNOWN = new Set([
  'hostname',
  'pid',
  'proctitle',
  'memory',
  'schedulers',
  'cron_enabled',
  'preserve_job_records',
  'retry_on_unhandled_error',
  'database_connection_pool',
  'total_succeeded_executions_count',
  'total_errored_executions_count',
]);

/** Ruby's File.basename. */
function basename(path: string): string {
  return path.replace(/(?<=[^/])\/+$/, '').replace(/^.*\/(?=[^/])/s, '');
}

/** GoodJob's name of a scheduler, all that GoodJob 3 told of one. */
const NAME = /queues=(.*) max_threads=(\d{1,6})/s;

function readScheduler(value: unknown): Scheduler {
  const stats = typeof value === 'string' ? { name: value } : valuesOf(value);
  const name = textOf(own(stats, 'name'));
  const named = NAME.exec(name ?? '');
  const told = own(stats, 'queues');
  const queues = typeof told === 'string' ? textOf(told) : (named?.[1] ?? null);
  const maxThreads = countOf(own(stats, 'max_threads') ?? named?.[2]);
  const executed = {
    succeeded: countOf(own(stats, 'succeeded_executions_count')),
    errored: countOf(own(stats, 'errored_executions_count')),
  };
  return {
    queues,
    name,
    // What it serves is read from the whole text, however long: a list that is cut serves other queues.
    pools:
      typeof told === 'string'
        ? parsePools(told, maxThreads)
        : queues === null
          ? []
          : parsePools(queues, maxThreads),
    maxThreads,
    activeThreads: countOf(own(stats, 'active_threads')),
    activeCache: countOf(own(stats, 'active_cache')),
    maxCache: countOf(own(stats, 'max_cache')),
    ...executed,
    empty: countOf(own(stats, 'empty_executions_count')),
    total: countOf(own(stats, 'total_executions_count')),
    executionAt: textOf(own(stats, 'execution_at'), 40),
    checkQueueAt: textOf(own(stats, 'check_queue_at'), 40),
  };
}

/** Threads of all schedulers together; null: one does not tell. */
export function threadsOf(schedulers: readonly Scheduler[]): {
  busy: number | null;
  total: number | null;
} {
  const sum = (of: (scheduler: Scheduler) => number | null) =>
    schedulers.reduce<number | null>(
      (total, scheduler) =>
        ((count) => (total === null || count === null ? null : total + count))(of(scheduler)),
      0,
    );
  return {
    busy: sum(({ activeThreads }) => activeThreads),
    total: sum(({ maxThreads }) => maxThreads),
  };
}
