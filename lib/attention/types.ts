import type { StalledRun } from '../bulk/types';
import type { ErrorCode } from '../core/errors';
import { isUuid } from '../core/text';
import type { Params } from '../core/urls';
import type { MissingMigration } from '../good-job/tables';
import { type Outcome, PAUSE_KINDS, type PauseKind } from '../good-job/types';
import type { Count } from '../jobs/types';

/** Within a severity, the page lists findings in this order. */
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
  'late_pause_ends',
  'interrupted_jobs',
  'paused_jobs',
  'stale_statistics',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** critical: stuck until an operator acts. warning: needs a review. notice: for information. */
export const SEVERITIES = ['critical', 'warning', 'notice'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The repairs that the console offers; other findings link to a page or explain what to do. */
export const REPAIRS = ['check_batches', 'release_jobs', 'unpause', 'drop_end'] as const;
export type Repair = (typeof REPAIRS)[number];

/** Items listed per finding. */
export const ITEMS_SHOWN = 10;

/** An enqueued batch whose completion check is due but will not run. */
export interface HangingBatch {
  id: string;
  description: string | null;
  /** The description or properties exceed the size limit, so the description is hidden. */
  tooLarge: boolean;
  /** When its last job or callback finished; null: it has too many jobs to scan. */
  since: string | null;
}

/** A running or claimed job without a live holder. */
export interface LostJob {
  id: string;
  jobClass: string | null;
  queueName: string | null;
  /** When it was started, or claimed if it was not started. */
  since: string;
  started: boolean;
  /** `locked_by_id`, which keeps skiplocked and hybrid workers away from the job. */
  processId: string | null;
  /** The last heartbeat of its process; null: the process has no row anymore. */
  processSeenAt: string | null;
  host: string | null;
}

/** A queue with waiting jobs. */
export interface WaitingQueue {
  queue: string;
  /** When its oldest ready job became ready. */
  since: string;
  /** Jobs that a worker could take now. */
  count: Count;
  /**
   * Path and query of its queued jobs that have waited as long, including paused and claimed ones.
   */
  href: string;
}

/** A cron key with a missing run. */
export interface OverdueKey {
  key: string;
  /** When the run was due. */
  since: string;
}

export interface FailingClass {
  jobClass: string;
  /** The first failure in the window. */
  since: string;
  /** The last failure. */
  lastAt: string;
  count: Count;
  error: string | null;
  /** The error or payload of its job exceeds the size limit, so the error is hidden. */
  tooLarge: boolean;
  /** Path and query of the jobs that `count` counts. */
  href: string;
}

export interface DiscardedCallback {
  id: string;
  jobClass: string | null;
  batchId: string;
  since: string;
  error: string | null;
  /** The error or payload exceeds the size limit, so the error is hidden. */
  tooLarge: boolean;
}

export interface PausedJobs {
  by: PauseKind;
  name: string;
  since: string;
  count: Count;
}

/** A timed pause that no server has ended in time. */
export interface LatePauseEnd {
  by: PauseKind;
  name: string;
  /** When it was to end. */
  since: string;
  /** Who set it. */
  viewer: string;
}

/** A missing GoodJob migration, a missing schema of the console, or one of an older version. */
export type SchemaGap =
  { gap: 'migration'; migration: MissingMigration } | { gap: 'console_schema' | 'console_version' };

export interface StaleTable {
  table: string;
  /** The last ANALYZE; null: none since the statistics were reset. */
  since: string | null;
  /** Rows changed since the last ANALYZE; null: never analyzed. */
  changed: number | null;
  /** Estimated rows; null: never analyzed. */
  rows: number | null;
  /** The SQL statement to run. */
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
  late_pause_ends: LatePauseEnd;
  interrupted_jobs: LostJob;
  paused_jobs: PausedJobs;
  stale_statistics: StaleTable;
}

/** A problem with its worst ITEMS_SHOWN items. */
export interface FindingOf<Kind extends FindingKind> {
  kind: Kind;
  severity: Severity;
  /** The earliest `since` of all items; null: unknown. */
  since: string | null;
  /** The number of all items: batches, jobs, queues or classes. */
  count: Count;
  items: Items[Kind][];
  /** Path and query of the page that lists all items. */
  href: string | null;
  repair: Repair | null;
}
export type Finding = { [Kind in FindingKind]: FindingOf<Kind> }[FindingKind];

/** The result of one check. */
export type Check =
  | { kind: FindingKind; result: 'clear' }
  | { kind: FindingKind; result: 'found'; finding: Finding }
  /** The check timed out, was incomplete, or cannot run on a standby. */
  | { kind: FindingKind; result: 'unknown'; reason: ErrorCode | 'standby' };

/** The results of all checks, which the page renders and polls. */
export interface Attention {
  /** ISO 8601 UTC, by the database's clock. */
  checkedAt: string;
  /** How long a ready job may wait (ATTENTION_READY_MINUTES). */
  readyMinutes: number;
  /** Each kind once: findings first, the most severe at the top. */
  checks: Check[];
}

/** The target of a repair. `ids` null: all rows that a search finds when the repair runs. */
export type RepairTarget =
  | { repair: 'check_batches' | 'release_jobs'; ids: string[] | null }
  | { repair: 'unpause' | 'drop_end'; by: PauseKind; name: string };

/** The outcome of a repair. */
export interface RepairResult {
  /** Rows by outcome. */
  counts: Partial<Record<Outcome['outcome'], number>>;
  /** The first rows that were not repaired. */
  failures: Outcome[];
  /** Callback jobs that were enqueued. */
  events: number;
}

/** Returns the query parameters of /attention/repair. */
export function repairParams(target: RepairTarget): Record<string, string> {
  const { repair } = target;
  if ('by' in target) return { repair, by: target.by, name: target.name };
  return target.ids === null ? { repair } : { repair, id: target.ids.join(',') };
}

/**
 * Parses the query parameters of /attention/repair. Returns null for any invalid one, never a
 * target with more rows than the link had.
 */
export function readRepairTarget(params: Params): RepairTarget | null {
  const repair = REPAIRS.find((kind) => kind === params.get('repair'));
  if (!repair) return null;
  if (repair === 'unpause' || repair === 'drop_end') {
    const by = PAUSE_KINDS.find((kind) => kind === params.get('by'));
    const name = params.get('name');
    return by && name ? { repair, by, name } : null;
  }
  const id = params.get('id');
  if (id === null) return { repair, ids: null };
  const ids = id.split(',');
  return ids.every(isUuid) ? { repair, ids } : null;
}
