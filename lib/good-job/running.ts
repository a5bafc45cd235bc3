import sql, { type Sql } from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { DetectedSchema } from './schema';
import type { GoodJob } from './tables';

/*
 * No index of GoodJob's says which jobs run. Those that a process holds are found by index_good_jobs_on_locked_by_id;
 * for the others (a worker died, and GoodJob has cleaned up after it) all jobs that wait have to be looked at.
 */

interface Unheld {
  /** Running jobs that no process holds; null: the jobs that wait are few enough to be looked at each time. */
  ids: string[] | null;
  until: number;
  /** Somebody is looking again meanwhile. */
  refreshing: boolean;
}

/** So many waiting jobs are looked at in 20 ms. */
const FEW_WAITING = 10_000;
const MANY_UNHELD = 5_000;
const KEPT_MS = 5_000;
const FEW_KEPT_MS = 15_000;
/** What took its time to find is kept so much longer: a queue of a million is looked through twice a minute. */
const KEPT_PER_MS = 50;
const KEPT_MS_MOST = 30_000;
/** Whoever asks so soon after that is answered with what was known, and looks again for the next. */
const STALE_MS = 60_000;

/** What can be asked beside the reader. */
interface Source {
  db: { read<T>(fn: (tx: Tx) => Promise<T>, options?: { byIndexOnly?: boolean }): Promise<T> };
  gj: GoodJob;
}

/** By schema: a server asks one database, tests ask several. */
const remembered = new WeakMap<DetectedSchema, Unheld>();

/**
 * A condition on the alias `j` that all running jobs fulfil and that an index or a list of ids answers. Of a long
 * queue the running jobs that no process holds are those of some seconds ago, of a very long one of half a minute.
 */
export async function runningByIndex(tx: Tx, gj: GoodJob): Promise<Sql> {
  const known = remembered.get(gj.schema);
  const unheld =
    known && (known.refreshing || known.until > Date.now()) ? known : await lookForUnheld(tx, gj);
  if (unheld.ids === null) return sql`j.finished_at IS NULL AND j.performed_at IS NOT NULL`;
  // OFFSET 0: that they have not finished is asked of the held ones alone, and not of an index of all unfinished jobs.
  return sql`j.id IN (SELECT l.id FROM (SELECT h.id, h.finished_at, h.performed_at FROM ${gj.jobs} h WHERE h.locked_by_id IS NOT NULL OFFSET 0) l WHERE l.finished_at IS NULL AND l.performed_at IS NOT NULL
    UNION ALL SELECT unnest(${unheld.ids}::uuid[]))`;
}

/** Looks again, beside the caller, when what is remembered has just run out. */
export function refreshRunning({ db, gj }: Source): void {
  const known = remembered.get(gj.schema);
  const over = known ? Date.now() - known.until : Infinity;
  if (!known || known.refreshing || over < 0 || over > STALE_MS) return;
  known.refreshing = true;
  void db
    .read((tx) => lookForUnheld(tx, gj), { byIndexOnly: true })
    .catch(() => (known.refreshing = false));
}

async function lookForUnheld(tx: Tx, gj: GoodJob): Promise<Unheld> {
  const started = Date.now();
  const [row] = await tx.query<{ waiting: number; ids: string[] | null }>(sql`
    SELECT count(*)::int AS waiting, array_agg(j.id) FILTER (WHERE j.performed_at IS NOT NULL) AS ids
      FROM ${gj.jobs} j WHERE j.finished_at IS NULL AND j.locked_by_id IS NULL`);
  const ids = row?.ids ?? [];
  const isSmall = (row?.waiting ?? 0) <= FEW_WAITING || ids.length > MANY_UNHELD;
  const unheld: Unheld = {
    ids: isSmall ? null : ids,
    until:
      Date.now() +
      (isSmall
        ? FEW_KEPT_MS
        : Math.min(KEPT_MS + (Date.now() - started) * KEPT_PER_MS, KEPT_MS_MOST)),
    refreshing: false,
  };
  remembered.set(gj.schema, unheld);
  return unheld;
}
