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
