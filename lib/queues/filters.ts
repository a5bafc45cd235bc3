import type { PauseRecord } from '../audit/types';
import { truncateText, isFilterText } from '../core/text';
import type { NotUnderstood, Params } from '../core/urls';
import type { Count } from '../jobs/types';

/** The time ranges of the queues page, in seconds. */
export const RANGES = { '15m': 900, '1h': 3_600, '6h': 21_600, '24h': 86_400 } as const;
export type Range = keyof typeof RANGES;

/** The jobs of a queue that finished in the range. */
export interface QueueFlow {
  /** Succeeded and discarded jobs. */
  finished: Count;
  discarded: Count;
  /** Percentiles of the time between due and started, in seconds; null: no job started. */
  waitP50: number | null;
  waitP95: number | null;
}

/** A pause of a class or label that keeps ready jobs of a queue from running. */
export interface HoldingPause {
  kind: 'job_class' | 'label';
  name: string;
  /** Its jobs among the first due jobs of the queue. */
  count: Count;
  /** It holds all of those. */
  holdsAll: boolean;
}

export interface QueueRow {
  /** Null: jobs without a queue. */
  name: string | null;
  ready: Count;
  scheduled: Count;
  retried: Count;
  running: Count;
  /** When its oldest ready job became ready, in ISO 8601 UTC; null: no job is ready. */
  oldestReadyAt: string | null;
  /** That job has waited longer than ATTENTION_READY_MINUTES. */
  isLate: boolean;
  paused: boolean;
  /** The pause of the queue itself; null: it is not paused. */
  pause: PauseRecord | null;
  /** Those with the most jobs first. */
  holdingPauses: HoldingPause[];
  /** All of these threads are busy; null: a thread is free, or it is not known. */
  busyThreads: number | null;
  /** Live processes that serve it; null: unknown on a standby. */
  processes: number | null;
  /** Threads of these processes for it; null: unknown, also if a process does not report it. */
  threads: number | null;
  /** It has ready jobs but no live process serves it. */
  unserved: boolean;
  /** Null: the query timed out, or the sample has no job of this queue. */
  flow: QueueFlow | null;
}

/** The accuracy of the numbers of a range. */
export interface FlowAccuracy {
  /** Jobs that finished in the range. */
  finished: Count;
  /** Jobs that were scanned. */
  scannedJobs: number;
  isSample: boolean;
}

export interface QueuesPage {
  rows: QueueRow[];
  /** The number of pauses. */
  pauses: number;
  /** Matching queues beyond the row limit. */
  omittedQueues: number;
  /** There are queues that the scan did not reach or cannot list. */
  more: boolean;
  /**
   * GoodJob's index on queue names is missing, so queues without unfinished jobs and without jobs
   * in the range are not listed.
   */
  onlyOpen: boolean;
  liveProcesses: number;
  /** Live processes that do not report the queues they serve. */
  silentProcesses: number;
  /** Null: the query timed out. */
  flow: FlowAccuracy | null;
}

export interface QueueFilter {
  range: Range;
  /** Part of a queue's name; null: all queues. */
  name: string | null;
  notUnderstood: NotUnderstood[];
}

const DEFAULT_RANGE: Range = '1h';

export const isRange = (text: string): text is Range => Object.hasOwn(RANGES, text);

/** Parses the filter of the queues page; invalid parameters are in `notUnderstood`. */
export function parseQueueFilter(params: Params): QueueFilter {
  const range = params.get('range') || DEFAULT_RANGE;
  const name = params.get('queue_name')?.trim() ?? '';
  const notUnderstood: NotUnderstood[] = [];
  if (!isRange(range)) notUnderstood.push({ name: 'range', value: truncateText(range, 80) });
  if (!isFilterText(name))
    notUnderstood.push({ name: 'queue_name', value: truncateText(name, 80) });
  return { range: isRange(range) ? range : DEFAULT_RANGE, name: name || null, notUnderstood };
}

/** Returns the query string of the page and of its API endpoint. */
export function queueFilterParams({ range, name }: Pick<QueueFilter, 'range' | 'name'>): string {
  return String(new URLSearchParams({ range, ...(name === null ? {} : { queue_name: name }) }));
}

/**
 * Returns the path and query of the jobs that a number counts; null: no job filter matches the
 * queue.
 */
export function queueJobsHref(
  name: string | null,
  filter: { state?: string; within?: Range },
): string | null {
  if (name === null || name.trim() === '' || !isFilterText(name)) return null;
  const { state, within } = filter;
  const params = new URLSearchParams({
    ...(state ? { state } : {}),
    queue_name: name,
    ...(within ? { q: `finished:>${within}` } : {}),
  });
  return `/jobs?${params}`;
}
