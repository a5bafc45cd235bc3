import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { listStalledRuns } from '../bulk/adoption';
import type { Ctx } from '../context/types';
import { nullOnTimeout } from '../core/errors';
import { ProcessCache } from '../core/process-cache';
import { readOverdueCron } from '../cron/entries';
import { configuredCron } from '../cron/overdue';
import type { Tx } from '../db/database';
import { isHeld } from '../good-job/locks';
import { readyAt } from '../good-job/states';
import { runningByIndex } from '../good-job/running';
import {
  type Found,
  type CheckContext,
  type LostJobs,
  type UnheldJobs,
  countUpTo,
  earliest,
  queuedJobs,
  shown,
} from './check-context';
import { type FindingOf, ITEMS_SHOWN, type LostJob, type WaitingQueue } from './types';

const LOOKED_FOR = 1_000;
const TEXT_SHOWN = 300;
const RELEASED_TTL_MS = 600_000;

/** claimed: `locked_by_id` still names the process, which keeps skiplocked and hybrid workers away. free: the next worker takes it. */
type Kind = 'claimed' | 'free';

interface Taken {
  id: string;
  kind: Kind;
  /** False: a standby does not know whether somebody holds it. */
  isKnown: boolean;
  /** What changes when somebody else takes it. */
  mark: string;
}

const mark = sql`concat_ws(' ', j.performed_at, j.locked_at, j.locked_by_id)`;

/** Jobs that this console released, and when (ms): a worker is given time to take them. */
const released = new ProcessCache<number>('released jobs', {
  ttlMs: RELEASED_TTL_MS,
  maxEntries: 20_000,
});

export function noteReleased({ tables }: Ctx, ids: string[]): void {
  for (const id of ids) released.set(tables.schema.identity, id, Date.now());
}

/**
 * Jobs that were started, or claimed, by a worker that is gone: nobody live holds them. Read twice: a job may finish
 * between the reading of its row and that of the locks, and only one that is still as it was then is lost.
 */
export async function readLostJobs(checkContext: CheckContext): Promise<LostJobs> {
  const { ctx, read } = checkContext;
  const running = await read((tx) => runningByIndex(tx, ctx.tables)).catch(nullOnTimeout);
  const { jobs, unknown } = await read(async (tx) => {
    const taken = await readTaken(tx, checkContext, running);
    const known = taken.filter(({ isKnown }) => isKnown);
    return {
      jobs: known.length === 0 ? [] : await readStillTaken(tx, checkContext, known),
      unknown: taken.filter(({ isKnown }) => !isKnown),
    };
  });
  const of = (kind: Kind): UnheldJobs => {
    const own = jobs.filter((job) => job.kind === kind);
    return {
      ids: own.map(({ id }) => id),
      items: own.flatMap(({ n, job }) => (n <= ITEMS_SHOWN && job ? [job] : [])),
      since: own[0]?.lostSince ?? null,
      unknownOnStandby: unknown.some((job) => job.kind === kind),
    };
  };
  return { claimed: of('claimed'), free: running === null ? null : of('free') };
}

/** `running`: the condition of all running jobs; null: it is not known, and only claimed jobs are read. */
async function readTaken(
  tx: Tx,
  { ctx: { tables }, gracePeriods }: CheckContext,
  running: Sql | null,
): Promise<Taken[]> {
  const select = (kind: Kind, where: Sql, graceS: number) => {
    const taken = sql`SELECT j.id, ${kind} AS kind, ${mark} AS mark FROM ${tables.jobs} j
      WHERE ${where} AND j.finished_at IS NULL
        AND coalesce(greatest(j.performed_at, j.locked_at), j.updated_at)
              < clock_timestamp() - make_interval(secs => ${graceS})`;
    const unknown = sql`UNION ALL (
      SELECT t.*, false FROM (${taken} AND ${isHeld(tables)} IS NULL LIMIT 1) t)`;
    return sql`(SELECT t.*, true AS "isKnown" FROM (
      ${taken} AND NOT ${isHeld(tables)} LIMIT ${LOOKED_FOR}) t)
      ${tables.schema.isStandby ? unknown : empty}`;
  };
  // index_good_jobs_on_locked_by_id. Also what was claimed and not started, or claimed once and is due again.
  const claimed = sql`j.locked_by_id IS NOT NULL AND (j.performed_at IS NOT NULL OR ${readyAt} <= now())`;
  const free = sql`${running} AND j.performed_at IS NOT NULL AND j.locked_by_id IS NULL`;
  const taken = await tx.query<Taken>(sql`
    ${select('claimed', claimed, gracePeriods.lostS)}
    ${running === null ? empty : sql`UNION ALL ${select('free', free, gracePeriods.unservedS)}`}`);
  const isReleased = ({ id }: Taken) =>
    (released.peek(tables.schema.identity, id) ?? 0) >= Date.now() - gracePeriods.unservedS * 1000;
  return taken.filter((job) => job.kind === 'claimed' || !isReleased(job));
}

interface StillTaken {
  id: string;
  kind: Kind;
  /** Its place among those of its kind. */
  n: number;
  lostSince: string | null;
  /** Of the first ones. */
  job: LostJob | null;
}

async function readStillTaken(
  tx: Tx,
  { ctx: { tables } }: CheckContext,
  taken: Taken[],
): Promise<StillTaken[]> {
  const host = sql`CASE jsonb_typeof(p.state -> 'hostname')
    WHEN 'string' THEN left(p.state ->> 'hostname', ${TEXT_SHOWN}) END`;
  const rows = await tx.query<Omit<StillTaken, 'job'> & LostJob>(sql`
    SELECT s.id, s.kind, s.n::int AS n, s.lost_since AS "lostSince", s.since, s.started,
           s.process_id AS "processId", s.seen_at AS "processSeenAt",
           CASE WHEN s.n <= ${ITEMS_SHOWN} THEN left(s.job_class, ${TEXT_SHOWN}) END AS "jobClass",
           CASE WHEN s.n <= ${ITEMS_SHOWN} THEN left(s.queue_name, ${TEXT_SHOWN}) END AS "queueName",
           CASE WHEN s.n <= ${ITEMS_SHOWN} THEN (
             SELECT ${host} FROM ${tables.processes} p WHERE p.id = s.process_id) END AS host
      FROM (
        SELECT t.kind, j.id, j.job_class, j.queue_name, j.locked_by_id AS process_id,
               coalesce(j.performed_at, j.locked_at, j.updated_at) AS since,
               j.performed_at IS NOT NULL AS started, p.updated_at AS seen_at,
               min(greatest(j.performed_at, j.locked_at, p.updated_at, j.created_at))
                 OVER (PARTITION BY t.kind) AS lost_since,
               row_number() OVER (PARTITION BY t.kind
                 ORDER BY coalesce(j.performed_at, j.locked_at, j.updated_at), j.id) AS n
          FROM unnest(${taken.map(({ id }) => id)}::uuid[], ${taken.map((job) => job.kind)}::text[],
                      ${taken.map((job) => job.mark)}::text[]) t(id, kind, mark)
          JOIN ${tables.jobs} j ON j.id = t.id
          LEFT JOIN ${tables.processes} p ON p.id = j.locked_by_id
         WHERE j.finished_at IS NULL AND ${mark} = t.mark AND NOT ${isHeld(tables)}) s
     ORDER BY s.kind, s.n`);
  return rows.map(({ id, kind, n, lostSince, ...job }) => ({
    id,
    kind,
    n,
    lostSince,
    job: n <= ITEMS_SHOWN ? { id, ...job } : null,
  }));
}

/** Those that GoodJob's own clean-up would release. */
export async function releasableJobIds(checkContext: CheckContext): Promise<string[]> {
  return (await checkContext.lostJobs()).claimed.ids;
}

/** The jobs of dead workers that nobody can take. */
export async function findLostJobs(checkContext: CheckContext): Promise<Found> {
  const { claimed } = await checkContext.lostJobs();
  return findingOf(claimed, { kind: 'lost_jobs', severity: 'critical', repair: 'release_jobs' });
}

/** The jobs of dead workers that wait to be taken again: a worker that served their queue would have done so. */
export async function findInterruptedJobs(checkContext: CheckContext): Promise<Found> {
  const { free } = await checkContext.lostJobs();
  if (!free) return { finding: null, incomplete: true };
  return findingOf(free, { kind: 'interrupted_jobs', severity: 'notice', repair: null });
}

function findingOf(
  { ids, items, since, unknownOnStandby }: UnheldJobs,
  as: Pick<FindingOf<'lost_jobs'>, 'severity' | 'repair'> & {
    kind: 'lost_jobs' | 'interrupted_jobs';
  },
): Found {
  if (ids.length === 0) return { finding: null, unknownOnStandby };
  return {
    finding: {
      ...as,
      since,
      count: countUpTo(ids.length, LOOKED_FOR),
      items,
      where: '/jobs?state=running',
    },
  };
}

/** Queues whose jobs have been ready for longer than they should wait, although somebody serves them. */
export async function findLateJobs(checkContext: CheckContext): Promise<Found> {
  const { queues, incomplete } = await checkContext.readyQueues();
  const unserved = new Set((await checkContext.unserved()).queues.map(({ queue }) => queue));
  const late = queues.filter((queue) => queue.late > 0 && !unserved.has(queue.queue));
  if (late.length === 0) return { finding: null, incomplete };
  const items = late.map(({ queue, since, late: count, lateBefore, more }): WaitingQueue => ({
    queue,
    since,
    count: countUpTo(count, Infinity, more),
    where: queuedJobs(queue, `scheduled:<${lateBefore}`),
  }));
  return {
    finding: {
      kind: 'late_jobs',
      severity: 'warning',
      since: items[0]?.since ?? null,
      count: countUpTo(items.length, Infinity, incomplete),
      items: shown(items),
      where: '/jobs?state=queued&sort=scheduled',
      repair: null,
    },
  };
}

/** Bulk runs that no server continues any more, because several did without progress. */
export async function findStalledRuns({ ctx, read }: CheckContext): Promise<Found> {
  if (!ctx.bulkRuns) return { finding: null };
  const limit = ITEMS_SHOWN + 1;
  // A run is one row, of which there are few.
  const runs = await read((tx) => listStalledRuns(tx, limit), {});
  if (runs.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'stalled_runs',
      severity: 'warning',
      since: earliest(runs.map(({ since }) => since)),
      count: countUpTo(runs.length, limit),
      items: shown(runs),
      where: '/bulk',
      repair: null,
    },
  };
}

/** Entries of CRON_FILE of which a run was due and nothing was enqueued; without the file nothing is claimed. */
export async function findOverdueCron({ ctx }: CheckContext): Promise<Found> {
  if (configuredCron().entries.size === 0) return { finding: null };
  const { keys, unknownOnStandby } = await readOverdueCron(ctx);
  const overdue = keys.sort((a, b) => (a.since < b.since ? -1 : 1));
  if (overdue.length === 0) return { finding: null, unknownOnStandby };
  return {
    finding: {
      kind: 'overdue_cron',
      severity: 'warning',
      since: earliest(overdue.map(({ since }) => since)),
      count: countUpTo(overdue.length, Infinity),
      items: shown(overdue),
      where: '/cron_entries',
      repair: null,
    },
  };
}
