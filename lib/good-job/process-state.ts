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

/*
 * Which queues a worker serves, by GoodJob's own reading of its queue strings (Job.queue_parser,
 * Job.queue_string, MultiScheduler.from_configuration), odd ones included.
 */

export type ServedQueues =
  | { kind: 'all' }
  /** All but these, and jobs without a queue. */
  | { kind: 'except'; queues: string[] }
  /** These alone; `ordered`: jobs of the first named queue are taken first. */
  | { kind: 'only'; queues: string[]; ordered: boolean };

/** A pool of threads. */
export interface Pool {
  /** The pool's queue string as it was written. */
  queueString: string;
  served: ServedQueues;
  /** Null: not told. */
  maxThreads: number | null;
}

/** GoodJob::Configuration::DEFAULT_MAX_THREADS. */
export const DEFAULT_MAX_THREADS = 5;

/** The white space of Ruby's String#strip. */
const STRIPPED = new Set('\0\t\n\v\f\r ');

/** Only what Ruby's `blank?` takes for white space. */
const BLANK = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

/** Ruby's String#strip. Not a pattern: `\s+$` tries every space of a long run again. */
function strip(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && STRIPPED.has(text.charAt(from))) from += 1;
  while (to > from && STRIPPED.has(text.charAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

/** Ruby's String#split: no empty parts at the end. */
function split(text: string, separator: string): string[] {
  const parts = text.split(separator);
  while (parts.at(-1) === '') parts.pop();
  return parts;
}

/** Reads one pool's queue string (GoodJob::Job.queue_parser): `*`, `a,b`, `-a,b`, `+a,b`. A blank one is `*`. */
export function parseQueueString(queueString: string): ServedQueues {
  const stripped = strip(queueString);
  const text = BLANK.test(stripped) ? '*' : stripped;
  const sign = text.startsWith('-') || text.startsWith('+') ? text.charAt(0) : '';
  const queues = split(text.slice(sign.length), ',').map(strip);
  if (queues.includes('*')) return { kind: 'all' };
  if (sign === '-') return { kind: 'except', queues };
  return { kind: 'only', queues, ordered: sign === '+' };
}

/** Whether jobs of this queue are taken (GoodJob::Job.queue_string). Names are compared as they are, case and all. */
export function servesQueue(served: ServedQueues, queueName: string | null): boolean {
  switch (served.kind) {
    case 'all':
      return true;
    case 'except':
      return queueName === null || !served.queues.includes(queueName);
    case 'only':
      return queueName !== null && served.queues.includes(queueName);
  }
}

/**
 * Reads a whole configuration (GOOD_JOB_QUEUES, `a:2;b:1`): a pool for each part between semicolons, its threads after
 * the colon, else `maxThreads`. A part that names nothing (`;a`, `:2`) is a pool that GoodJob cannot run: it serves nothing.
 */
export function parsePools(
  configuration: string,
  maxThreads: number | null = DEFAULT_MAX_THREADS,
): Pool[] {
  const whole = BLANK.test(configuration) ? '*' : configuration;
  return split(whole, ';').map((part) => {
    const [queueString, threads] = split(strip(part), ':').map(strip);
    const named = queueString !== undefined && !BLANK.test(queueString);
    return {
      queueString: named ? queueString : '',
      served: named ? parseQueueString(queueString) : { kind: 'only', queues: [], ordered: false },
      maxThreads: threads === undefined || BLANK.test(threads) ? maxThreads : toInteger(threads),
    };
  });
}

/** Ruby's String#to_i. */
function toInteger(text: string): number {
  return Number(/^[+-]?\d+(_\d+)*/.exec(text)?.[0].replaceAll('_', '') ?? 0);
}

/** Threads that may run jobs of this queue, over all of the pools that serve it; null: a pool does not tell its threads. */
export function threadsFor(
  pools: readonly Pool[],
  queueName: string | null,
): { pools: number; threads: number | null } {
  const serving = pools.filter(({ served }) => servesQueue(served, queueName));
  const told = serving.flatMap(({ maxThreads }) => maxThreads ?? []);
  return {
    pools: serving.length,
    threads:
      told.length < serving.length ? null : told.reduce((total, threads) => total + threads, 0),
  };
}
