import 'server-only';
import sql from 'sql-template-tag';
import type { TextBudget } from '../core/text-budget';
import type { Ctx } from '../ctx';
import type { Tx } from '../db/types';
import { CHECK_GRACE_S } from '../good-job/completion';
import type { Count } from '../jobs/types';
import { type Finding, ITEMS_SHOWN } from './types';

/** How long a thing may be so before it is one to attend to; what is in between two steps of a worker must not alarm. */
export interface Grace {
  /** Minutes that a ready job may wait (ATTENTION_READY_MINUTES). */
  readyMinutes: number;
  /** Seconds between the last job of a batch and its completion check. */
  batchS: number;
  /** Seconds from a worker's taking a job. */
  lostS: number;
  /** Seconds without anybody who serves a queue: workers are restarted. */
  unservedS: number;
}

export const GRACE: Grace = { readyMinutes: 15, batchS: CHECK_GRACE_S, lostS: 10, unservedS: 60 };

/** Jobs of a queue that a worker could take now: due, not paused, not taken. */
export interface ReadyQueue {
  queue: string;
  /** When the one that waits longest became ready; ISO 8601 UTC. */
  since: string;
  /** Seconds until now. */
  waited: number;
  ready: number;
  /** Those that have waited longer than `grace.readyMinutes`. */
  late: number;
  /** They became ready before this moment; ISO 8601 UTC. */
  lateBefore: string;
  /** More are due than were looked at. */
  more: boolean;
}

export interface ReadyQueues {
  /** Those whose oldest job waits longest first. */
  queues: ReadyQueue[];
  /** There was no time to look at all. */
  incomplete: boolean;
}

/** What the finders of one look share. */
export interface Look {
  ctx: Ctx;
  /** For the texts of jobs and batches. */
  budget: TextBudget;
  grace: Grace;
  /** A read of its own, cut off when it takes too long; by indexes alone unless said otherwise. */
  read<T>(fn: (tx: Tx) => Promise<T>, byIndexOnly?: boolean): Promise<T>;
  /** Queues with ready jobs, read once. */
  readyQueues(): Promise<ReadyQueues>;
  /** Those of them that nobody serves. */
  unserved(): Promise<ReadyQueues>;
}

/** What a finder found; null: nothing. `incomplete`: there may be more. */
export type Found = { finding: Finding | null; incomplete?: boolean };

/** A number of things of which at most `most` were looked for. */
export function countUpTo(count: number, most: number, incomplete = false): Count {
  return count >= most || incomplete
    ? { kind: 'at_least', count: Math.min(count, most) }
    : { kind: 'exact', count };
}

export function earliest(times: (string | null)[]): string | null {
  return times.reduce(
    (first, at) => (at !== null && (first === null || at < first) ? at : first),
    null,
  );
}

/** The queued jobs of a queue, those that are ready longest first: path and query. */
export function queuedJobs(queue: string, q?: string): string {
  return `/jobs?${new URLSearchParams({ state: 'queued', queue_name: queue, ...(q === undefined ? {} : { q }), sort: 'scheduled' })}`;
}

/** The first of them, as lists show them. */
export function shown<T>(items: T[]): T[] {
  return items.slice(0, ITEMS_SHOWN);
}

/**
 * For the rest of the read: rows come in an index's own order, or the heads of a hundred queues cost all that is due.
 * The planner takes a queue whose name it does not know for a small one, and would read and sort it whole; a condition
 * `queue_name = x` it would leave out of the order, and walk all queues' jobs by time. So: this, and a range of one name.
 */
export async function inIndexOrder(tx: Tx): Promise<void> {
  await tx.query(
    sql`SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true)`,
  );
}
