import 'server-only';
import type { Ctx } from '../context/request-context';
import type { ReadOptions, Tx } from '../db/database';
import { CHECK_GRACE_SECONDS } from '../good-job/batches';
import type { Count } from '../jobs/types';
import { type Finding, ITEMS_SHOWN, type LostJob, type StaleTable } from './types';

/**
 * How long a condition must last before it is a finding, because it also occurs briefly in normal
 * operation.
 */
export interface GracePeriods {
  /** How long a ready job may wait (ATTENTION_READY_MINUTES). */
  readyMinutes: number;
  /** Time between the last job of a batch and its completion check. */
  batchSeconds: number;
  /** Time since a worker claimed a job. */
  lostSeconds: number;
  /** Time without a process that serves a queue, because workers restart. */
  unservedSeconds: number;
}

export const GRACE_PERIODS: GracePeriods = {
  readyMinutes: 15,
  batchSeconds: CHECK_GRACE_SECONDS,
  lostSeconds: 10,
  unservedSeconds: 60,
};

/** A queue with ready jobs: due, neither paused nor claimed. */
export interface ReadyQueue {
  queue: string;
  /** When its oldest ready job became ready, in ISO 8601 UTC. */
  since: string;
  /** How long that job has waited. */
  waitedSeconds: number;
  readyCount: number;
  /** Jobs that have waited longer than `gracePeriods.readyMinutes`. */
  lateCount: number;
  /** Jobs that became ready before this time are late; ISO 8601 UTC. */
  lateBefore: string;
  /** The counts are lower bounds, because the scan reached its limit. */
  more: boolean;
}

export interface ReadyQueues {
  /** The queue with the oldest ready job first. */
  queues: ReadyQueue[];
  /** The scan ran out of time. */
  incomplete: boolean;
  /** On a standby: queues are omitted if their processes may or may not be alive. */
  unknownOnStandby?: boolean;
}

/** Jobs without a live holder. */
export interface UnheldJobs {
  ids: string[];
  /** The first ITEMS_SHOWN jobs, oldest first. */
  items: LostJob[];
  /** When the earliest of these jobs, listed or not, was lost, in ISO 8601 UTC. */
  since: string | null;
  /** On a standby: jobs are omitted because their locks are unknown. */
  unknownOnStandby: boolean;
}

export interface LostJobs {
  /**
   * `locked_by_id` still contains the id of the process, which keeps skiplocked and hybrid workers
   * away.
   */
  claimed: UnheldJobs;
  /** Any worker can take these jobs. Null: the query timed out. */
  free: UnheldJobs | null;
}

/** The clock and the table statistics of the database. */
export interface Catalogue {
  /** The database's clock, in ISO 8601 UTC. */
  now: string;
  staleTables: StaleTable[];
}

/** The state that the checks of one search share. */
export interface CheckContext {
  ctx: Ctx;
  gracePeriods: GracePeriods;
  /** Runs `fn` in a transaction with its own timeout; `byIndexOnly` unless `options` are given. */
  read<T>(fn: (tx: Tx) => Promise<T>, options?: ReadOptions): Promise<T>;
  /** Reads once per search and returns the same result afterwards, like the methods below. */
  catalogue(): Promise<Catalogue>;
  lostJobs(): Promise<LostJobs>;
  readyQueues(): Promise<ReadyQueues>;
  /** The ready queues that no live process serves. */
  unserved(): Promise<ReadyQueues>;
}

export interface FinderResult {
  /** Null: nothing to report. */
  finding: Finding | null;
  /** The scan did not cover everything, so there may be more. */
  incomplete?: boolean;
  /** The result depends on advisory locks, which a standby cannot see. */
  unknownOnStandby?: boolean;
  /** For each item, the id of the job whose error it shows. */
  errorJobIds?: string[];
}

/**
 * Returns a chunk size whose query takes about half of the remaining time; never less than `size`.
 */
export function nextChunk(size: number, tookMs: number, remainingMs: number): number {
  const perMs = size / Math.max(tookMs, 1);
  return Math.max(size, Math.floor((perMs * remainingMs) / 2));
}

/** Returns an exact count below `limit`, else a lower bound. */
export function countUpTo(count: number, limit: number, incomplete = false): Count {
  return count >= limit || incomplete
    ? { kind: 'at_least', count: Math.min(count, limit) }
    : { kind: 'exact', count };
}

/** Returns the earliest of ISO 8601 times; null: there is none. */
export function earliest(times: (string | null)[]): string | null {
  return times.reduce(
    (first, at) => (at !== null && (first === null || at < first) ? at : first),
    null,
  );
}

/**
 * Returns the path and query of the queued jobs of a queue, oldest first; `q` is a search query.
 */
export function queuedJobsHref(queue: string, q?: string): string {
  const params = new URLSearchParams({
    state: 'queued',
    queue_name: queue,
    ...(q === undefined ? {} : { q }),
    sort: 'scheduled',
  });
  return `/jobs?${params}`;
}

/** Returns the first ITEMS_SHOWN items. */
export function firstItems<T>(items: T[]): T[] {
  return items.slice(0, ITEMS_SHOWN);
}
