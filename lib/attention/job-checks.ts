import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import { listStalledRuns } from '../bulk/adoption';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import { ProcessCache } from '../core/process-state';
import { readOverdueCron } from '../cron/entries';
import { readCronConfiguration } from '../cron/queries';
import type { Tx } from '../db/database';
import { isHeld, runningByIndex } from '../good-job/locks';
import { readyAt } from '../good-job/tables';
import {
  type FinderResult,
  type CheckContext,
  type LostJobs,
  type UnheldJobs,
  countUpTo,
  earliest,
  queuedJobsHref,
  firstItems,
} from './check-context';
import { type FindingOf, ITEMS_SHOWN, type LostJob, type WaitingQueue } from './types';

const SCAN_LIMIT = 1_000;
const TEXT_LENGTH = 300;
const RELEASED_TTL_MS = 600_000;

/** See LostJobs: `locked_by_id` contains the id of a process or is null. */
const kind = z.enum(['claimed', 'free']);
type Kind = z.infer<typeof kind>;

/** A running or claimed job that may have lost its worker. */
const candidateRow = z.strictObject({
  id: z.string(),
  kind,
  /** Changes when another worker takes the job. */
  version: z.string(),
  /** False on a standby, where the lock of the job is not visible. */
  isKnown: z.boolean(),
});
type Candidate = z.infer<typeof candidateRow>;

const version = sql`concat_ws(' ', j.performed_at, j.locked_at, j.locked_by_id)`;

/** When this console released each job, in ms, because workers need time to take them. */
const releasedAt = new ProcessCache<number>('released jobs', {
  ttlMs: RELEASED_TTL_MS,
  maxEntries: 20_000,
});

/**
 * Records that the jobs were released now, so that they are not reported as interrupted at once.
 */
export function recordReleases({ tables }: Ctx, ids: string[]): void {
  for (const id of ids) releasedAt.set(tables.schema.identity, id, Date.now());
}

/**
 * Reads the jobs that a worker started or claimed and that have no live holder. Reads each twice,
 * because a job may finish after its row is read and before its lock is: only an unchanged one is
 * lost.
 */
export async function readLostJobs(checkContext: CheckContext): Promise<LostJobs> {
  const { ctx, read } = checkContext;
  const running = await read((tx) => runningByIndex(tx, ctx.tables)).catch(ignoreTimeout);
  const { jobs, unknown } = await read(async (tx) => {
    const candidates = await readCandidates(tx, checkContext, running);
    const known = candidates.filter(({ isKnown }) => isKnown);
    return {
      jobs: known.length === 0 ? [] : await recheckCandidates(tx, checkContext, known),
      unknown: candidates.filter(({ isKnown }) => !isKnown),
    };
  });
  const ofKind = (kind: Kind): UnheldJobs => {
    const own = jobs.filter((job) => job.kind === kind);
    return {
      ids: own.map(({ id }) => id),
      items: own.flatMap(({ n, job }) => (n <= ITEMS_SHOWN && job ? [job] : [])),
      since: own[0]?.lostSince ?? null,
      unknownOnStandby: unknown.some((job) => job.kind === kind),
    };
  };
  return { claimed: ofKind('claimed'), free: running === null ? null : ofKind('free') };
}

/**
 * `running` is the SQL condition for running jobs; null if it timed out, so that only claimed jobs
 * are read.
 */
async function readCandidates(
  tx: Tx,
  { ctx: { tables }, gracePeriods }: CheckContext,
  running: Sql | null,
): Promise<Candidate[]> {
  const select = (kind: Kind, where: Sql, graceSeconds: number) => {
    const candidates = sql`
      SELECT j.id, ${kind} AS kind, ${version} AS version
        FROM ${tables.jobs} j
       WHERE ${where}
         AND j.finished_at IS NULL
         AND coalesce(greatest(j.performed_at, j.locked_at), j.updated_at)
               < clock_timestamp() - make_interval(secs => ${graceSeconds})`;
    const unknown = sql`UNION ALL (
      SELECT t.*, false
        FROM (${candidates} AND ${isHeld(tables)} IS NULL LIMIT 1) t)`;
    return sql`(
      SELECT t.*, true AS "isKnown"
        FROM (${candidates} AND NOT ${isHeld(tables)} LIMIT ${SCAN_LIMIT}) t)
      ${tables.schema.isStandby ? unknown : empty}`;
  };
  // By index_good_jobs_on_locked_by_id. Includes jobs that were claimed but not started.
  const claimed = sql`
    j.locked_by_id IS NOT NULL AND (j.performed_at IS NOT NULL OR ${readyAt} <= now())`;
  const free = sql`${running} AND j.performed_at IS NOT NULL AND j.locked_by_id IS NULL`;
  const candidates = await tx.query(
    candidateRow,
    sql`
      ${select('claimed', claimed, gracePeriods.lostSeconds)}
      ${
        running === null
          ? empty
          : sql`UNION ALL ${select('free', free, gracePeriods.unservedSeconds)}`
      }`,
  );
  const releasedAfter = Date.now() - gracePeriods.unservedSeconds * 1000;
  return candidates.filter(
    ({ kind, id }) =>
      kind === 'claimed' || (releasedAt.peek(tables.schema.identity, id) ?? 0) < releasedAfter,
  );
}

/** A candidate without a live holder. */
const lostJobRow = z.strictObject({
  id: z.string(),
  kind,
  /** Its position, from 1, among the jobs of its kind. */
  n: z.number(),
  /** When the first job of its kind was lost. */
  lostSince: z.string(),
  since: z.string(),
  started: z.boolean(),
  processId: z.string().nullable(),
  processSeenAt: z.string().nullable(),
  /** Null after the first ITEMS_SHOWN jobs, like the queue and the host. */
  jobClass: z.string().nullable(),
  queueName: z.string().nullable(),
  host: z.string().nullable(),
}) satisfies z.ZodType<LostJob>;

interface RecheckedJob extends Pick<z.infer<typeof lostJobRow>, 'id' | 'kind' | 'n' | 'lostSince'> {
  /** Null after the first ITEMS_SHOWN jobs. */
  job: LostJob | null;
}

async function recheckCandidates(
  tx: Tx,
  { ctx: { tables } }: CheckContext,
  candidates: Candidate[],
): Promise<RecheckedJob[]> {
  const host = sql`
    CASE jsonb_typeof(p.state -> 'hostname')
    WHEN 'string' THEN left(p.state ->> 'hostname', ${TEXT_LENGTH})
    END`;
  const takenAt = sql`coalesce(j.performed_at, j.locked_at, j.updated_at)`;
  const rows = await tx.query(
    lostJobRow,
    sql`
      SELECT s.id, s.kind, s.n::int AS n, s.lost_since AS "lostSince", s.since, s.started,
             s.process_id AS "processId", s.seen_at AS "processSeenAt",
             CASE WHEN s.n <= ${ITEMS_SHOWN}
                  THEN left(s.job_class, ${TEXT_LENGTH})
             END AS "jobClass",
             CASE WHEN s.n <= ${ITEMS_SHOWN}
                  THEN left(s.queue_name, ${TEXT_LENGTH})
             END AS "queueName",
             CASE WHEN s.n <= ${ITEMS_SHOWN}
                  THEN (SELECT ${host} FROM ${tables.processes} p WHERE p.id = s.process_id)
             END AS host
        FROM (
          SELECT t.kind, j.id, j.job_class, j.queue_name, j.locked_by_id AS process_id,
                 ${takenAt} AS since,
                 j.performed_at IS NOT NULL AS started,
                 p.updated_at AS seen_at,
                 min(greatest(j.performed_at, j.locked_at, p.updated_at, j.created_at))
                   OVER (PARTITION BY t.kind) AS lost_since,
                 row_number() OVER (PARTITION BY t.kind ORDER BY ${takenAt}, j.id) AS n
            FROM unnest(${candidates.map(({ id }) => id)}::uuid[],
                        ${candidates.map(({ kind }) => kind)}::text[],
                        ${candidates.map((job) => job.version)}::text[]) t(id, kind, version)
            JOIN ${tables.jobs} j ON j.id = t.id
            LEFT JOIN ${tables.processes} p ON p.id = j.locked_by_id
           WHERE j.finished_at IS NULL
             AND ${version} = t.version
             AND NOT ${isHeld(tables)}
        ) s
       ORDER BY s.kind, s.n`,
  );
  return rows.map(({ id, kind, n, lostSince, ...job }) => ({
    id,
    kind,
    n,
    lostSince,
    job: n <= ITEMS_SHOWN ? { id, ...job } : null,
  }));
}

/** Returns the ids of the jobs that GoodJob's own process clean-up would release. */
export async function releasableJobIds(checkContext: CheckContext): Promise<string[]> {
  return (await checkContext.lostJobs()).claimed.ids;
}

/** Finds the jobs of dead workers that no other worker can take. */
export async function findLostJobs(checkContext: CheckContext): Promise<FinderResult> {
  const { claimed } = await checkContext.lostJobs();
  return toFinding(claimed, { kind: 'lost_jobs', severity: 'critical', repair: 'release_jobs' });
}

/** Finds the jobs of dead workers that any worker could take, but none has taken in time. */
export async function findInterruptedJobs(checkContext: CheckContext): Promise<FinderResult> {
  const { free } = await checkContext.lostJobs();
  if (!free) return { finding: null, incomplete: true };
  return toFinding(free, { kind: 'interrupted_jobs', severity: 'notice', repair: null });
}

function toFinding(
  { ids, items, since, unknownOnStandby }: UnheldJobs,
  attributes: Pick<FindingOf<'lost_jobs'>, 'severity' | 'repair'> & {
    kind: 'lost_jobs' | 'interrupted_jobs';
  },
): FinderResult {
  if (ids.length === 0) return { finding: null, unknownOnStandby };
  return {
    finding: {
      ...attributes,
      since,
      count: countUpTo(ids.length, SCAN_LIMIT),
      items,
      href: '/jobs?state=running',
    },
  };
}

/** Finds queues with jobs that have been ready for too long although a process serves them. */
export async function findLateJobs(checkContext: CheckContext): Promise<FinderResult> {
  const { queues, incomplete } = await checkContext.readyQueues();
  const unserved = new Set((await checkContext.unserved()).queues.map(({ queue }) => queue));
  const late = queues.filter(({ queue, lateCount }) => lateCount > 0 && !unserved.has(queue));
  if (late.length === 0) return { finding: null, incomplete };
  const items = late.map(({ queue, since, lateCount, lateBefore, more }): WaitingQueue => ({
    queue,
    since,
    count: countUpTo(lateCount, Infinity, more),
    href: queuedJobsHref(queue, `scheduled:<${lateBefore}`),
  }));
  return {
    finding: {
      kind: 'late_jobs',
      severity: 'warning',
      since: items[0]?.since ?? null,
      count: countUpTo(items.length, Infinity, incomplete),
      items: firstItems(items),
      href: '/jobs?state=queued&sort=scheduled',
      repair: null,
    },
  };
}

/** Finds bulk runs that no server continues, because several attempts made no progress. */
export async function findStalledRuns({ ctx, read }: CheckContext): Promise<FinderResult> {
  if (!ctx.bulkRuns) return { finding: null };
  const limit = ITEMS_SHOWN + 1;
  // No `byIndexOnly`: the table of runs is small.
  const runs = await read((tx) => listStalledRuns(tx, limit), {});
  if (runs.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'stalled_runs',
      severity: 'warning',
      since: earliest(runs.map(({ since }) => since)),
      count: countUpTo(runs.length, limit),
      items: firstItems(runs),
      href: '/bulk',
      repair: null,
    },
  };
}

/** Finds entries of CRON_FILE whose due run was not enqueued. */
export async function findOverdueCron({ ctx }: CheckContext): Promise<FinderResult> {
  if (readCronConfiguration().entries.size === 0) return { finding: null };
  const { keys, unknownOnStandby } = await readOverdueCron(ctx);
  const overdue = keys.sort((a, b) => (a.since < b.since ? -1 : 1));
  if (overdue.length === 0) return { finding: null, unknownOnStandby };
  return {
    finding: {
      kind: 'overdue_cron',
      severity: 'warning',
      since: earliest(overdue.map(({ since }) => since)),
      count: countUpTo(overdue.length, Infinity),
      items: firstItems(overdue),
      href: '/cron_entries',
      repair: null,
    },
  };
}
