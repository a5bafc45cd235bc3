import sql, { type Sql, empty, raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import { limitedJson } from '../db/text-limit';
import { isProcessAlive, mayProcessBeAlive } from './locks';
import type { GoodJobTables } from './tables';

/*
 * Parses `good_job_processes.state` (`GoodJob::Process.process_state`). A value that is missing or
 * of an unexpected type becomes null, never an error: GoodJob releases differ in what they report.
 */

export interface Scheduler {
  /** The queue string; null if not reported. */
  queues: string | null;
  name: string | null;
  /** Empty if the scheduler does not report its queues. */
  pools: Pool[];
  maxThreads: number | null;
  activeThreads: number | null;
  /** Future jobs in the scheduler's memory, and their limit. */
  activeCache: number | null;
  maxCache: number | null;
  succeeded: number | null;
  errored: number | null;
  /** Queries for a job that returned none. */
  empty: number | null;
  total: number | null;
  /** Times of the last job and of the last query for one, by the worker's clock. */
  executionAt: string | null;
  checkQueueAt: string | null;
}

export interface ReportedState {
  hostname: string | null;
  pid: string | null;
  proctitle: string | null;
  /** `proctitle` without its folders, as GoodJob's dashboard shows it. */
  basename: string | null;
  /** Kilobytes. */
  memory: number | null;
  /** At most MAX_SCHEDULERS. */
  schedulers: Scheduler[];
  schedulersTotal: number;
  /** The state contains a list of schedulers, even if it is empty. */
  hasSchedulerList: boolean;
  cronEnabled: boolean | null;
  /** A boolean, or the text of another setting (`on_unhandled_error`, a lambda). */
  preserveJobRecords: boolean | string | null;
  retryOnUnhandledError: boolean | string | null;
  databasePool: { size: number | null; active: number | null } | null;
  succeeded: number | null;
  errored: number | null;
  /** Keys unknown to the console. */
  otherKeys: string[];
}

/** Maximum number of schedulers read; a worker has one for each part of its queue string. */
const MAX_SCHEDULERS = 100;
const MAX_TEXT_CHARACTERS = 1_000;
const MAX_OTHER_KEYS = 20;

/** The entries of a JSON object; empty for any other value. */
type Values = ReadonlyMap<string, unknown>;

const valuesOf = (value: unknown): Values =>
  new Map(
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value)
      : [],
  );

function textOf(value: unknown, length = MAX_TEXT_CHARACTERS): string | null {
  return typeof value === 'string' || typeof value === 'number'
    ? Array.from(String(value).slice(0, length * 2))
        .slice(0, length)
        .join('')
    : null;
}

/** A non-negative number without its fraction; also accepts digits in a string. */
function countOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0
    ? Math.min(Math.floor(number), Number.MAX_SAFE_INTEGER)
    : null;
}

/** Casts like ActiveModel::Type::Boolean, which GoodJob's page uses. */
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

/** Parses `state`; null and invalid JSON give a state without values. */
export function readProcessState(json: string | null): ReportedState {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(json ?? 'null');
  } catch {
    // Invalid JSON counts as an empty state.
  }
  const state = valuesOf(parsed);
  const schedulers = state.get('schedulers');
  const schedulerValues: unknown[] = Array.isArray(schedulers) ? schedulers : [];
  const pool = state.get('database_connection_pool');
  const poolValues = valuesOf(pool);
  const proctitle = textOf(state.get('proctitle'));
  return {
    hostname: textOf(state.get('hostname'), 255),
    pid: textOf(state.get('pid'), 40),
    proctitle,
    basename: proctitle && basename(proctitle),
    memory: countOf(state.get('memory')),
    schedulers: schedulerValues.slice(0, MAX_SCHEDULERS).map(readScheduler),
    schedulersTotal: schedulerValues.length,
    hasSchedulerList: Array.isArray(schedulers),
    cronEnabled: booleanOf(state.get('cron_enabled')),
    preserveJobRecords: settingOf(state.get('preserve_job_records')),
    retryOnUnhandledError: settingOf(state.get('retry_on_unhandled_error')),
    databasePool:
      pool === undefined || pool === null
        ? null
        : {
            size: countOf(poolValues.get('size')),
            active: countOf(poolValues.get('active')),
          },
    succeeded: countOf(state.get('total_succeeded_executions_count')),
    errored: countOf(state.get('total_errored_executions_count')),
    otherKeys: [...state.keys()]
      .filter((key) => !GOOD_JOB_STATE_KEYS.has(key))
      .slice(0, MAX_OTHER_KEYS)
      .map((key) => key.slice(0, 100)),
  };
}

const GOOD_JOB_STATE_KEYS = new Set([
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

/** GoodJob 3 reports only the name of a scheduler. */
const SCHEDULER_NAME = /queues=(.*) max_threads=(\d{1,6})/s;

function readScheduler(value: unknown): Scheduler {
  const stats: Values = typeof value === 'string' ? new Map([['name', value]]) : valuesOf(value);
  const name = textOf(stats.get('name'));
  const nameMatch = SCHEDULER_NAME.exec(name ?? '');
  const reported = stats.get('queues');
  // Parsed at full length, because a truncated list would mean other queues.
  const queueString = typeof reported === 'string' ? reported : (nameMatch?.[1] ?? null);
  const maxThreads = countOf(stats.get('max_threads') ?? nameMatch?.[2]);
  return {
    queues: typeof reported === 'string' ? textOf(reported) : queueString,
    name,
    pools: queueString === null ? [] : parsePools(queueString, maxThreads),
    maxThreads,
    activeThreads: countOf(stats.get('active_threads')),
    activeCache: countOf(stats.get('active_cache')),
    maxCache: countOf(stats.get('max_cache')),
    succeeded: countOf(stats.get('succeeded_executions_count')),
    errored: countOf(stats.get('errored_executions_count')),
    empty: countOf(stats.get('empty_executions_count')),
    total: countOf(stats.get('total_executions_count')),
    executionAt: textOf(stats.get('execution_at'), 40),
    checkQueueAt: textOf(stats.get('check_queue_at'), 40),
  };
}

/** Threads of all schedulers together; null if one does not report its number. */
export function totalThreads(schedulers: readonly Scheduler[]): {
  busy: number | null;
  total: number | null;
} {
  return {
    busy: sumOrNull(schedulers.map(({ activeThreads }) => activeThreads)),
    total: sumOrNull(schedulers.map(({ maxThreads }) => maxThreads)),
  };
}

function sumOrNull(counts: readonly (number | null)[]): number | null {
  return counts.reduce<number | null>(
    (total, count) => (total === null || count === null ? null : total + count),
    0,
  );
}

/*
 * Which queues a worker serves, parsed as GoodJob does: `GoodJob::Job.queue_parser`,
 * `.queue_string`, `GoodJob::MultiScheduler.from_configuration`.
 */

type ServedQueues =
  | { kind: 'all' }
  /** All other queues, and jobs without a queue. */
  | { kind: 'except'; queues: string[] }
  /** Only these; `ordered`: jobs of the first queue run first. */
  | { kind: 'only'; queues: string[]; ordered: boolean };

/** A pool of threads. */
export interface Pool {
  /** The pool's queue string as written. */
  queueString: string;
  served: ServedQueues;
  /** Null if not reported. */
  maxThreads: number | null;
}

/** GoodJob::Configuration::DEFAULT_MAX_THREADS. */
const DEFAULT_MAX_THREADS = 5;

/** Whitespace for Ruby's String#strip. */
const STRIPPED_CHARACTERS = new Set('\0\t\n\v\f\r ');

/** Text that is blank for Ruby's `blank?`. */
const BLANK = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

/**
 * Ruby's String#strip. Not a regular expression, because `\s+$` is quadratic on a long run of
 * spaces.
 */
function strip(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && STRIPPED_CHARACTERS.has(text.charAt(from))) from += 1;
  while (to > from && STRIPPED_CHARACTERS.has(text.charAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

/** Ruby's String#split, which drops empty parts at the end. */
function split(text: string, separator: string): string[] {
  const parts = text.split(separator);
  while (parts.at(-1) === '') parts.pop();
  return parts;
}

/**
 * Parses a pool's queue string (`GoodJob::Job.queue_parser`): `*`, `a,b`, `-a,b`, `+a,b`. Blank
 * means `*`.
 */
export function parseQueueString(queueString: string): ServedQueues {
  const stripped = strip(queueString);
  const text = BLANK.test(stripped) ? '*' : stripped;
  const sign = text.startsWith('-') || text.startsWith('+') ? text.charAt(0) : '';
  const queues = split(text.slice(sign.length), ',').map(strip);
  if (queues.includes('*')) return { kind: 'all' };
  if (sign === '-') return { kind: 'except', queues };
  return { kind: 'only', queues, ordered: sign === '+' };
}

/**
 * Whether jobs of this queue are served (`GoodJob::Job.queue_string`); names are case-sensitive.
 */
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
 * Parses a whole configuration (GOOD_JOB_QUEUES, `a:2;b:1`); `maxThreads` is the default of a pool.
 * A part without a queue string (`;a`, `:2`) serves no queue, because GoodJob cannot run it.
 */
export function parsePools(
  configuration: string,
  maxThreads: number | null = DEFAULT_MAX_THREADS,
): Pool[] {
  const whole = BLANK.test(configuration) ? '*' : configuration;
  return split(whole, ';').map((part) => {
    const [queueString, threads] = split(strip(part), ':').map(strip);
    const hasName = queueString !== undefined && !BLANK.test(queueString);
    return {
      queueString: hasName ? queueString : '',
      served: hasName
        ? parseQueueString(queueString)
        : { kind: 'only', queues: [], ordered: false },
      maxThreads: threads === undefined || BLANK.test(threads) ? maxThreads : toInteger(threads),
    };
  });
}

/** Ruby's String#to_i. */
function toInteger(text: string): number {
  return Number(/^[+-]?\d+(_\d+)*/.exec(text)?.[0].replaceAll('_', '') ?? 0);
}

/**
 * The number of pools that serve this queue and their threads together; `threads` is null if a pool
 * does not report its number.
 */
export function queueThreads(
  pools: readonly Pool[],
  queueName: string | null,
): { pools: number; threads: number | null } {
  const serving = pools.filter(({ served }) => servesQueue(served, queueName));
  return {
    pools: serving.length,
    threads: sumOrNull(serving.map(({ maxThreads }) => maxThreads)),
  };
}

/**
 * `stale`: alive, but late to update its row. `unknown`: a standby cannot see the process's
 * advisory lock.
 */
export const PROCESS_STATES = ['live', 'stale', 'dead', 'unknown'] as const;
export type ProcessState = (typeof PROCESS_STATES)[number];

/**
 * A healthy worker checks every 30 to 33 s whether its row is 30 s old
 * (`GoodJob::Process::STALE_INTERVAL`) and then updates it.
 */
const PROCESS_STALE_INTERVAL = raw(`interval '34 seconds'`);

/** The ProcessState of the process `p` as text. */
export function processStateOf(tables: GoodJobTables): Sql {
  const isUnknown = sql`(${isProcessAlive(tables)}) IS NULL`;
  return sql`CASE
    WHEN ${isProcessAlive(tables)}
      THEN CASE
        WHEN p.updated_at > clock_timestamp() - ${PROCESS_STALE_INTERVAL} THEN 'live'
        ELSE 'stale' END
    ${tables.schema.isStandby ? sql`WHEN ${isUnknown} THEN 'unknown'` : empty}
    ELSE 'dead' END`;
}

/** Maximum size of a state in bytes; no worker writes a larger one. */
export const MAX_STATE_BYTES = 65_536;
/** The `state` of the process `p` as text; null if it is missing or larger than MAX_STATE_BYTES. */
export const stateText = limitedJson(sql`p.state`, MAX_STATE_BYTES);

const MAX_PROCESSES = 1_000;
/** Maximum bytes of all states together; processes beyond it count as non-reporting. */
const MAX_TOTAL_STATE_BYTES = 4 * 1024 * 1024;

export interface LivePools {
  /** Pools of all processes that are alive, including stale ones. */
  pools: Pool[];
  /** The same by process; `isKnown` is false if a standby cannot determine whether it is alive. */
  byProcess: { id: string; pools: Pool[]; isKnown: boolean }[];
  processes: number;
  /** Threads of all of them together, by their last heartbeat; null if one does not report it. */
  threads: ReturnType<typeof totalThreads>;
  /** Processes that do not report which queues they serve. */
  nonReporting: number;
  /**
   * Processes of which a standby cannot determine whether they are alive; the other numbers include
   * them.
   */
  unknown: number;
}

const livePoolRow = z.strictObject({
  id: z.string(),
  /** False if a standby cannot determine whether the process is alive. */
  isKnown: z.boolean(),
  state: z.string().nullable(),
  /** Registered so recently that its schedulers may not have started. */
  isStarting: z.boolean(),
});

/**
 * The pools of every process that is, or on a standby may be, alive. A new process without
 * schedulers counts as non-reporting, because a worker registers before it starts them
 * (`GoodJob::Notifier::ProcessHeartbeat`).
 */
export async function livePools(tx: Tx, tables: GoodJobTables): Promise<LivePools> {
  const rows = await tx.query(
    livePoolRow,
    sql`
      SELECT l.id, l."isKnown",
             CASE WHEN sum(octet_length(l.state)) OVER (ORDER BY l.updated_at DESC, l.id)
                         <= ${MAX_TOTAL_STATE_BYTES}::int
               THEN l.state END AS state,
             l."isStarting"
        FROM (
          SELECT p.id, p.updated_at, ${stateText} AS state,
                 p.created_at > clock_timestamp() - ${PROCESS_STALE_INTERVAL} AS "isStarting",
                 (${isProcessAlive(tables)}) IS NOT NULL AS "isKnown"
            FROM ${tables.processes} p
           WHERE ${mayProcessBeAlive(tables)}
           ORDER BY p.updated_at DESC
           LIMIT ${MAX_PROCESSES}) l`,
  );
  const processes = rows.map(({ id, state, isStarting, isKnown }) => ({
    id,
    isStarting,
    isKnown,
    ...readProcessState(state),
  }));
  const byProcess = processes.map(({ id, isKnown, schedulers }) => ({
    id,
    isKnown,
    pools: schedulers.flatMap(({ pools }) => pools),
  }));
  return {
    pools: byProcess.flatMap(({ pools }) => pools),
    byProcess,
    processes: rows.length,
    threads: totalThreads(processes.flatMap(({ schedulers }) => schedulers)),
    nonReporting: processes.filter(isNonReporting).length,
    unknown: rows.filter(({ isKnown }) => !isKnown).length,
  };
}

function isNonReporting({
  isStarting,
  hasSchedulerList,
  schedulers,
  schedulersTotal,
}: ReportedState & { isStarting: boolean }): boolean {
  return (
    !hasSchedulerList ||
    (isStarting && schedulersTotal === 0) ||
    schedulersTotal > schedulers.length ||
    schedulers.some(({ pools }) => pools.length === 0)
  );
}
