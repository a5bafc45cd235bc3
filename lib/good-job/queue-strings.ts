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
