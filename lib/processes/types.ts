import type { ReportedState, Scheduler } from '../good-job/process-state';
import type { ProcessState } from '../good-job/processes';
import type { Count } from '../jobs/types';
import type { Page } from '../paging';

/** Running jobs that are listed under their process. */
export const JOBS_SHOWN = 5;
/** A process with more pools than this is looked at in its raw state. */
export const SCHEDULERS_SHOWN = 12;

export interface RunningJob {
  id: string;
  jobClass: string | null;
  queueName: string | null;
  performedAt: string;
}

export interface ProcessRow {
  id: string;
  state: ProcessState;
  /** What its life is known by: `advisory` its lock, null when it was last seen; else a number that GoodJob does not write. */
  lockType: 'advisory' | number | null;
  createdAt: string;
  updatedAt: string;
  sortAt: string;
  /** Its state is too large to be a worker's, and was not read. */
  tooLarge: boolean;
  /** Null: it tells nothing, or too much. */
  told: (Omit<ReportedState, 'schedulers'> & { schedulers: Omit<Scheduler, 'pools'>[] }) | null;
  /** Busy threads and all; null: a scheduler does not tell. */
  threads: { busy: number | null; total: number | null };
  /** Jobs that it holds by its id and that run; of a dead one they run no more. */
  running: Count;
  jobs: RunningJob[];
}

export interface ProcessesPage extends Page<ProcessRow> {
  counts: Record<ProcessState, Count>;
}
