/** Ranges in seconds, in so many buckets of a chart. */
export const RANGES = { hour: 3_600, day: 86_400, week: 604_800, fortnight: 1_209_600 } as const;
export type RangeName = keyof typeof RANGES;
export const BUCKETS: Record<RangeName | 'custom', number> = {
  hour: 60,
  day: 48,
  week: 56,
  fortnight: 56,
  custom: 48,
};

/** Upper ends of a histogram's buckets, in seconds: those of GoodJob's own (PerformanceShowChart); what is slower is in one more. */
export const HISTOGRAM = [
  0.02, 0.03, 0.045, 0.065, 0.1, 0.15, 0.225, 0.335, 0.5, 0.75, 1.1, 1.7, 2.5, 3.8, 5.75, 8.5, 13,
  20, 30, 45, 65, 100, 150, 225, 335,
] as const;

/** The 50th, 95th and 99th percentile; seconds, null where nothing was measured. */
export type Percentiles = [number | null, number | null, number | null];

/** Executions of one class or queue, or all; times in seconds. */
export interface Figures {
  name: string | null;
  /** Executions that began in the period; reckoned where it was sampled. */
  executions: number;
  /** Of them, those that ended with an error. */
  failures: number;
  /** Run time of all of them together. */
  total: number;
  average: number | null;
  min: number | null;
  max: number | null;
  run: Percentiles;
  /** From when it was due until it began. */
  wait: Percentiles;
}

/** How a period was read. */
export type Accuracy =
  | { kind: 'exact'; looked: number }
  /** A share of the table's pages at random, or of the period in slices of time: `looked` executions were read. */
  | { kind: 'sample'; looked: number; share: number }
  /** The database took too long. */
  | { kind: 'unknown' };

export interface SlowExecution {
  id: string;
  jobId: string;
  createdAt: string;
  queueName: string | null;
  run: number;
  wait: number | null;
  failed: boolean;
}

/** ISO 8601 UTC. */
export interface Period {
  from: string;
  to: string;
}

/** What was measured in one period. */
export interface Measured {
  accuracy: Accuracy;
  total: Figures | null;
  classes: Figures[];
  queues: Figures[];
  /** Executions by run time, in the buckets of HISTOGRAM and one more. */
  histogram: number[];
  /** Run time by class and bucket of the period, in seconds. */
  series: { bucket: number; name: string | null; total: number }[];
  slowest: SlowExecution[];
}

export interface Performance {
  period: Period;
  buckets: number;
  now: Measured;
  /** The period of the same length before it. */
  before: Pick<Measured, 'accuracy' | 'total' | 'classes' | 'queues'>;
  /** An index that the database lacks, as an operator creates it. */
  hint: string | null;
}
