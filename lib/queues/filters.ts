import type { NotUnderstood, Params } from '../core/search-params';
import { cut, isFilterText } from '../core/text';
import type { Count } from '../jobs/types';

/** The ranges of the queues page, in seconds. */
export const RANGES = { '15m': 900, '1h': 3_600, '6h': 21_600, '24h': 86_400 } as const;
export type Range = keyof typeof RANGES;

/** What has become of a queue's jobs in the range. */
export interface QueueFlow {
  /** Jobs that finished, whatever became of them. */
  finished: Count;
  /** Of them, those that were discarded. */
  discarded: Count;
  /** Seconds that half of them (95 of 100) waited at most, from when they were due until they began; null: none began. */
  waitP50: number | null;
  waitP95: number | null;
}

export interface QueueRow {
  /** Null: jobs without a queue. */
  name: string | null;
  ready: Count;
  scheduled: Count;
  retried: Count;
  running: Count;
  /** When the job that has waited longest was due; null: none waits. */
  oldestReadyAt: string | null;
  paused: boolean;
  /** Live processes that serve it, and their threads for it; null: not known on a standby, or a process does not tell. */
  processes: number | null;
  threads: number | null;
  /** Jobs wait, and no live process takes them. */
  unserved: boolean;
  /** Null: it could not be read in time, or of a sample no job was of this queue. */
  flow: QueueFlow | null;
}

/** How the numbers of a range were come by. */
export interface FlowReading {
  /** Jobs that finished in the range. */
  finished: Count;
  /** Those that were looked at. */
  looked: number;
  isSample: boolean;
}

export interface QueuesPage {
  rows: QueueRow[];
  /** Queues that are not shown: there are too many. */
  hidden: number;
  /** There are even more, which were not looked for. */
  more: boolean;
  /** Without GoodJob's index on queue names only queues with unfinished jobs, or jobs in the range, are known. */
  onlyOpen: boolean;
  liveProcesses: number;
  /** Live processes that do not tell which queues they serve. */
  silentProcesses: number;
  /** Null: it could not be read in time. */
  flow: FlowReading | null;
}

export interface QueueFilter {
  range: Range;
  /** Part of a queue's name; null: all queues. */
  name: string | null;
  notUnderstood: NotUnderstood[];
}

export const DEFAULT_RANGE: Range = '1h';

const isRange = (text: string): text is Range => Object.hasOwn(RANGES, text);

/** Reads the filter of the queues page from its URL. */
export function parseQueueFilter(params: Params): QueueFilter {
  const range = params.get('range') || DEFAULT_RANGE;
  const name = params.get('queue_name')?.trim() ?? '';
  const notUnderstood: NotUnderstood[] = [];
  if (!isRange(range)) notUnderstood.push({ name: 'range', value: cut(range, 80) });
  if (!isFilterText(name)) notUnderstood.push({ name: 'queue_name', value: cut(name, 80) });
  return { range: isRange(range) ? range : DEFAULT_RANGE, name: name || null, notUnderstood };
}

/** The query of the page, and of its endpoint. */
export function queueFilterParams({ range, name }: Pick<QueueFilter, 'range' | 'name'>): string {
  return String(new URLSearchParams({ range, ...(name === null ? {} : { queue_name: name }) }));
}

/** The jobs of a queue behind a number, as a link; null where the list of jobs has no such filter. */
export function jobsOfQueue(
  name: string | null,
  filter: { state?: string; within?: Range },
): string | null {
  if (name === null || name.trim() === '' || !isFilterText(name)) return null;
  const { state, within } = filter;
  return `/jobs?${new URLSearchParams({ ...(state ? { state } : {}), queue_name: name, ...(within ? { q: `finished:>${within}` } : {}) })}`;
}
