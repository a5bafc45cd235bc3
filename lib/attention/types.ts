import type { StalledRun } from '../bulk/types';
import type { ErrorCode } from '../core/errors';
import type { Params } from '../core/search-params';
import { isUuid } from '../core/text';
import type { Outcome } from '../good-job/outcomes';
import type { MissingMigration } from '../good-job/schema';
import { PAUSE_KINDS, type PauseKind } from '../good-job/settings';
import type { Count } from '../jobs/types';

/** Worst first within a severity, too. */
export const FINDING_KINDS = [
  'hanging_batches',
  'lost_jobs',
  'unserved_queues',
  'late_jobs',
  'overdue_cron',
  'failing_classes',
  'discarded_callbacks',
  'schema_gaps',
  'stalled_runs',
  'interrupted_jobs',
  'paused_jobs',
  'stale_statistics',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** critical: it will not mend itself. warning: somebody should look. notice: good to know. */
export const SEVERITIES = ['critical', 'warning', 'notice'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What the console can do about it itself; the other findings say what to do, or lead to where it is done. */
export const REPAIRS = ['check_batches', 'release_jobs', 'unpause'] as const;
export type Repair = (typeof REPAIRS)[number];

/** Of each finding so many are listed. */
export const ITEMS_SHOWN = 10;

/** An enqueued batch that nobody will look at again. */
export interface HangingBatch {
  id: string;
  description: string | null;
  /** The description or the properties were too large to be read, so the description is hidden. */
  tooLarge: boolean;
  /** Its last job or callback finished; null: it has too many to say. */
  since: string | null;
}

/** A job that counts as running, or as taken, while nobody live holds it. */
export interface LostJob {
  id: string;
  jobClass: string | null;
  queueName: string | null;
  /** It was started, or at least taken, then. */
  since: string;
  started: boolean;
  /** It still names its process, which keeps workers away from it. */
  processId: string | null;
  /** Null: its process has no row any more. */
  processSeenAt: string | null;
  host: string | null;
}

/** A queue with jobs that wait. */
export interface WaitingQueue {
  queue: string;
  since: string;
  /** Those that a worker could take now. */
  count: Count;
  /** Its queued jobs that have waited for as long, path and query: those that are paused or taken are among them. */
  where: string;
}

/** A cron key whose run is missing. */
export interface OverdueKey {
  key: string;
  /** It was due then. */
  since: string;
}

export interface FailingClass {
  jobClass: string;
  /** The first of its failures in the window. */
  since: string;
  lastAt: string;
  count: Count;
  error: string | null;
  /** The error or the payload of its job is too large to be read, so the error is hidden. */
  tooLarge: boolean;
  /** Those that were counted, path and query. */
  where: string;
}

export interface DiscardedCallback {
  id: string;
  jobClass: string | null;
  batchId: string;
  since: string;
  error: string | null;
  /** The error or the payload is too large to be read, so the error is hidden. */
  tooLarge: boolean;
}

export interface PausedJobs {
  by: PauseKind;
  name: string;
  since: string;
  count: Count;
}

/** What the database lacks: a migration of GoodJob's, or (null) the console's own schema, or its newest tables. */
export type SchemaGap =
  { gap: 'migration'; migration: MissingMigration } | { gap: 'console_schema' | 'console_version' };

export interface StaleTable {
  table: string;
  /** When it was last analyzed, as far as the server remembers. */
  since: string | null;
  /** Rows changed since; null: never analyzed. */
  changed: number | null;
  rows: number | null;
  /** What to run. */
  statement: string;
}

export interface Items {
  hanging_batches: HangingBatch;
  lost_jobs: LostJob;
  unserved_queues: WaitingQueue;
  late_jobs: WaitingQueue;
  overdue_cron: OverdueKey;
  failing_classes: FailingClass;
  discarded_callbacks: DiscardedCallback;
  schema_gaps: SchemaGap;
  stalled_runs: StalledRun;
  interrupted_jobs: LostJob;
  paused_jobs: PausedJobs;
  stale_statistics: StaleTable;
}

/** Something that is wrong: since when, how many, and the worst ITEMS_SHOWN of them. */
export interface FindingOf<Kind extends FindingKind> {
  kind: Kind;
  severity: Severity;
  /** The earliest; null: not known. */
  since: string | null;
  /** Of what `items` lists: batches, jobs, queues, classes, … */
  count: Count;
  items: Items[Kind][];
  /** Where all of them are seen, path and query. */
  where: string | null;
  repair: Repair | null;
}
export type Finding = { [Kind in FindingKind]: FindingOf<Kind> }[FindingKind];

/** What became of looking for one kind. */
export type Check =
  | { kind: FindingKind; result: 'clear' }
  | { kind: FindingKind; result: 'found'; finding: Finding }
  /** It could not be found out in time, or not completely. */
  | { kind: FindingKind; result: 'unknown'; reason: ErrorCode | 'standby' };

/** What the page shows and polls. */
export interface Attention {
  /** ISO 8601 UTC, by the database's clock. */
  checkedAt: string;
  /** Minutes that a ready job may wait. */
  readyMinutes: number;
  /** Every kind once: findings first, the worst at the top. */
  checks: Check[];
}

/** What is to be repaired. `ids` null: all that are found when it is carried out. */
export type RepairTarget =
  | { repair: 'check_batches' | 'release_jobs'; ids: string[] | null }
  | { repair: 'unpause'; by: PauseKind; name: string };

/** What a repair came to. */
export interface RepairResult {
  /** Rows by outcome. */
  counts: Partial<Record<Outcome['outcome'], number>>;
  /** The first of those that were not repaired. */
  notDone: Outcome[];
  /** Callbacks that were enqueued. */
  events: number;
}

/** The query of /attention/repair. */
export function repairParams(target: RepairTarget): Record<string, string> {
  const { repair } = target;
  if (repair === 'unpause') return { repair, by: target.by, name: target.name };
  return target.ids === null ? { repair } : { repair, id: target.ids.join(',') };
}

/** Reads it; null when it cannot be read: never a wider target. */
export function readRepairTarget(params: Params): RepairTarget | null {
  const repair = REPAIRS.find((one) => one === params.get('repair'));
  if (!repair) return null;
  if (repair === 'unpause') {
    const [by, name] = [PAUSE_KINDS.find((kind) => kind === params.get('by')), params.get('name')];
    return by && name ? { repair, by, name } : null;
  }
  const id = params.get('id');
  if (id === null) return { repair, ids: null };
  const ids = id.split(',');
  return ids.every(isUuid) ? { repair, ids } : null;
}
