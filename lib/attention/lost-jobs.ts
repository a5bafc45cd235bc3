import 'server-only';
import sql from 'sql-template-tag';
import { ProcessCache } from '../core/process-cache';
import type { Ctx } from '../ctx';
import { isHeld } from '../good-job/locks';
import { runningByIndex } from '../good-job/running';
import { readyAt } from '../good-job/states';
import { type Found, type Look, countUpTo } from './look';
import { type FindingOf, ITEMS_SHOWN, type LostJob } from './types';

const LOOKED_FOR = 1_000;
const TEXT_SHOWN = 300;
const RELEASED_TTL_MS = 600_000;

interface Taken {
  id: string;
  /** What changes when somebody else takes it. */
  mark: string;
}

/** claimed: `locked_by_id` still names the process, which keeps skiplocked and hybrid workers away. free: the next worker takes it. */
type Kind = 'claimed' | 'free';

/**
 * Jobs that were started, or claimed, by a worker that is gone: nobody live holds them. Looked at twice: a job may
 * finish between the reading of its row and that of the locks, and only one that is still as it was then is lost.
 */
async function lostJobs({ ctx: { gj }, grace, read }: Look, kind: Kind): Promise<string[]> {
  const mark = sql`concat_ws(' ', j.performed_at, j.locked_at, j.locked_by_id)`;
  const graceS = kind === 'claimed' ? grace.lostS : grace.unservedS;
  const unheld = sql`coalesce(greatest(j.performed_at, j.locked_at), j.updated_at) < clock_timestamp() - make_interval(secs => ${graceS}) AND NOT ${isHeld(gj)}`;
  return read(async (tx) => {
    // index_good_jobs_on_locked_by_id. Also what was claimed and not started, or claimed once and is due again.
    const where =
      kind === 'claimed'
        ? sql`j.locked_by_id IS NOT NULL AND (j.performed_at IS NOT NULL OR ${readyAt} <= now())`
        : sql`${await runningByIndex(tx, gj)} AND j.performed_at IS NOT NULL AND j.locked_by_id IS NULL`;
    const first = await tx.query<Taken>(
      sql`SELECT j.id, ${mark} AS mark FROM ${gj.jobs} j WHERE ${where} AND j.finished_at IS NULL AND ${unheld} LIMIT ${LOOKED_FOR}`,
    );
    if (first.length === 0) return [];
    const marks = new Map(first.map((job) => [job.id, job.mark]));
    const second = await tx.query<Taken>(sql`
      SELECT j.id, ${mark} AS mark FROM ${gj.jobs} j WHERE j.id = ANY(${[...marks.keys()]}::uuid[]) AND j.finished_at IS NULL AND NOT ${isHeld(gj)}`);
    return second.filter((job) => marks.get(job.id) === job.mark).map(({ id }) => id);
  });
}

/** Jobs that this console released, and when (ms): a worker is given time to take them. */
const released = new ProcessCache<number>('released jobs', {
  ttlMs: RELEASED_TTL_MS,
  maxEntries: 20_000,
});

export function noteReleased({ gj }: Ctx, ids: string[]): void {
  for (const id of ids) released.set(gj.schema.identity, id, Date.now());
}

/** Those that GoodJob's own clean-up would give back. */
export function releasableJobIds(look: Look): Promise<string[]> {
  return lostJobs(look, 'claimed');
}

/** The jobs of dead workers that nobody can take. */
export function findLostJobs(look: Look): Promise<Found> {
  return find(look, 'claimed', { kind: 'lost_jobs', severity: 'critical', repair: 'release_jobs' });
}

/** The jobs of dead workers that wait to be taken again: a worker that served their queue would have done so. */
export function findInterruptedJobs(look: Look): Promise<Found> {
  return find(look, 'free', { kind: 'interrupted_jobs', severity: 'notice', repair: null });
}

async function find(
  look: Look,
  which: Kind,
  as: Pick<FindingOf<'lost_jobs'>, 'severity' | 'repair'> & {
    kind: 'lost_jobs' | 'interrupted_jobs';
  },
): Promise<Found> {
  const { gj } = look.ctx;
  const isGiven = (id: string) =>
    which === 'free' &&
    (released.peek(gj.schema.identity, id) ?? 0) >= Date.now() - look.grace.unservedS * 1000;
  const lost = (await lostJobs(look, which)).filter((id) => !isGiven(id));
  if (lost.length === 0) return { finding: null };
  const host = sql`CASE jsonb_typeof(p.state -> 'hostname') WHEN 'string' THEN left(p.state ->> 'hostname', ${TEXT_SHOWN}) END`;
  const jobs = await look.read((tx) =>
    tx.query<LostJob & { lostSince: string }>(sql`
    SELECT j.id, left(j.job_class, ${TEXT_SHOWN}) AS "jobClass", left(j.queue_name, ${TEXT_SHOWN}) AS "queueName", coalesce(j.performed_at, j.locked_at, j.updated_at) AS since,
           j.performed_at IS NOT NULL AS started, j.locked_by_id AS "processId", p.updated_at AS "processSeenAt", ${host} AS host,
           min(greatest(j.performed_at, j.locked_at, p.updated_at, j.created_at)) OVER () AS "lostSince"
      FROM ${gj.jobs} j LEFT JOIN ${gj.processes} p ON p.id = j.locked_by_id
     WHERE j.id = ANY(${lost}::uuid[]) ORDER BY since, j.id LIMIT ${ITEMS_SHOWN}`),
  );
  return {
    finding: {
      ...as,
      since: jobs[0]?.lostSince ?? null,
      count: countUpTo(lost.length, LOOKED_FOR),
      items: jobs.map(({ lostSince: _, ...job }) => job),
      where: '/jobs?state=running',
    },
  };
}
