import sql, { type Sql, empty, raw } from 'sql-template-tag';
import { limitedJson } from '../db/text-limit';
import type { Tx } from '../db/database';
import { isProcessAlive, mayProcessBeAlive } from './locks';
import { readProcessState } from './process-state';
import type { GoodJob } from './tables';

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

/** `stale`: alive by GoodJob's rule, and late with its sign of life. `unknown`: its life is an advisory lock, and this is a standby. */
export const PROCESS_STATES = ['live', 'stale', 'dead', 'unknown'] as const;
export type ProcessState = (typeof PROCESS_STATES)[number];

/**
 * A worker that is well renews its row once it is 30 s old (GoodJob::Process::STALE_INTERVAL), which it looks at every
 * 30 s and up to a tenth more: only later than that is it late.
 */
export const PROCESS_STALE = raw(`interval '34 seconds'`);

/** The state of a `good_job_processes` row with the alias `p`, as text: alive by isProcessAlive(), the one rule. */
export function processStateOf(gj: GoodJob): Sql {
  return sql`CASE WHEN ${isProcessAlive(gj)} THEN CASE WHEN p.updated_at > clock_timestamp() - ${PROCESS_STALE} THEN 'live' ELSE 'stale' END
    ${gj.schema.isStandby ? sql`WHEN (${isProcessAlive(gj)}) IS NULL THEN 'unknown'` : empty} ELSE 'dead' END`;
}

/** Bytes of a state that are read; a larger one is no worker's. */
export const STATE_READ = 65_536;
/** `state` of the row `p` as text; null when there is none, or it is too large to be a worker's. */
export const stateText = limitedJson(sql`p.state`, STATE_READ);

/** Live processes that are looked at: nobody runs more workers on one database. */
const PROCESSES = 1_000;
/** Bytes of their states together; the rest of them count as silent. */
const ALL_STATES_READ = 4 * 1024 * 1024;

export interface LivePools {
  /** Pools of all live (and stale) processes. */
  pools: Pool[];
  /** The same, those of each process together. */
  byProcess: { id: string; pools: Pool[]; isKnown: boolean }[];
  /** Live processes, and those of them that do not tell which queues they serve. */
  processes: number;
  silent: number;
  /** Processes of which a standby does not know whether they are alive; they count among the others. */
  unknown: number;
}

/**
 * What is served now: the pools of every process that is alive, or may be as far as a standby knows. A worker registers beside the start of its schedulers
 * (GoodJob::Notifier::ProcessHeartbeat): until it renews its row, an empty list of them tells nothing.
 */
export async function livePools(tx: Tx, gj: GoodJob): Promise<LivePools> {
  const rows = await tx.query<{
    id: string;
    state: string | null;
    starting: boolean;
    isKnown: boolean;
  }>(sql`
    SELECT l.id, l."isKnown", CASE WHEN sum(octet_length(l.state)) OVER (ORDER BY l.updated_at DESC, l.id) <= ${ALL_STATES_READ}::int THEN l.state END AS state, l.starting
      FROM (SELECT p.id, p.updated_at, ${stateText} AS state, p.created_at > clock_timestamp() - ${PROCESS_STALE} AS starting,
                   (${isProcessAlive(gj)}) IS NOT NULL AS "isKnown"
              FROM ${gj.processes} p WHERE ${mayProcessBeAlive(gj)} ORDER BY p.updated_at DESC LIMIT ${PROCESSES}) l`);
  const reported = rows.map(({ id, state, starting, isKnown }) => ({
    id,
    starting,
    isKnown,
    ...readProcessState(state),
  }));
  const isSilent = ({
    starting,
    tellsSchedulers,
    schedulers,
    schedulersTotal,
  }: (typeof reported)[number]) =>
    !tellsSchedulers ||
    (starting && schedulersTotal === 0) ||
    schedulersTotal > schedulers.length ||
    schedulers.some(({ pools }) => pools.length === 0);
  const byProcess = reported.map(({ id, isKnown, schedulers }) => ({
    id,
    isKnown,
    pools: schedulers.flatMap(({ pools }) => pools),
  }));
  return {
    pools: byProcess.flatMap(({ pools }) => pools),
    byProcess,
    processes: rows.length,
    silent: reported.filter(isSilent).length,
    unknown: rows.filter(({ isKnown }) => !isKnown).length,
  };
}
