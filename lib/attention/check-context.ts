import 'server-only';
import type { Ctx } from '../context/types';
import type { ReadOptions, Tx } from '../db/database';
import { CHECK_GRACE_S } from '../good-job/batches';
import type { Count } from '../jobs/types';
import { type Finding, ITEMS_SHOWN, type LostJob, type StaleTable } from './types';

/** How long a thing may be so before it is one to attend to; what is in between two steps of a worker must not alarm. */
export interface GracePeriods {
  /** Minutes that a ready job may wait (ATTENTION_READY_MINUTES). */
  readyMinutes: number;
  /** Seconds between the last job of a batch and its completion check. */
  batchS: number;
  /** Seconds from a worker's taking a job. */
  lostS: number;
  /** Seconds without anybody who serves a queue: workers are restarted. */
  unservedS: number;
}

export const GRACE_PERIODS: GracePeriods = {
  readyMinutes: 15,
  batchS: CHECK_GRACE_S,
  lostS: 10,
  unservedS: 60,
};

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
  /** There may be others: a standby does not know whether the processes that serve them are alive. */
  unknownOnStandby?: boolean;
}

/** Jobs that nobody live holds. */
export interface UnheldJobs {
  ids: string[];
  /** The first of them, those that are lost longest first. */
  items: LostJob[];
  /** Since when the first of all of them is lost. */
  since: string | null;
  /** There are others of which a standby does not know whether somebody holds them. */
  unknownOnStandby: boolean;
}

export interface LostJobs {
  /** `locked_by_id` still names the process, which keeps skiplocked and hybrid workers away. */
  claimed: UnheldJobs;
  /** The next worker takes it. Null: not known in time. */
  free: UnheldJobs | null;
}

/** What the catalogue tells. */
export interface Catalogue {
  /** The database's clock, ISO 8601 UTC. */
  now: string;
  staleTables: StaleTable[];
}

/** What the finders of one look share. */
export interface CheckContext {
  ctx: Ctx;
  gracePeriods: GracePeriods;
  /** A read of its own, cancelled when it takes too long; by indexes alone unless the options say otherwise. */
  read<T>(fn: (tx: Tx) => Promise<T>, options?: ReadOptions): Promise<T>;
  /** Each of these is read once. */
  catalogue(): Promise<Catalogue>;
  lostJobs(): Promise<LostJobs>;
  /** Queues with ready jobs. */
  readyQueues(): Promise<ReadyQueues>;
  /** Those of them that nobody serves. */
  unserved(): Promise<ReadyQueues>;
}

/**
 * What a finder found; null: nothing. `incomplete`: there may be more. `errorsOf`: the jobs, one for each item, whose
 * errors belong into the items.
 */
export interface Found {
  finding: Finding | null;
  incomplete?: boolean;
  /** Whether there is something depends on an advisory lock, of which a standby knows nothing. */
  unknownOnStandby?: boolean;
  errorsOf?: string[];
}

/** How many things to read in the next statement so that it takes about half of the time that is left. */
export function nextChunk(size: number, tookMs: number, leftMs: number): number {
  const perMs = size / Math.max(tookMs, 1);
  return Math.max(size, Math.floor((perMs * leftMs) / 2));
}

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
