import sql, { type Sql } from 'sql-template-tag';
import { ProcessCache, costTtl } from '../core/process-cache';
import type { Tx } from '../db/database';
import type { GoodJobTables } from './tables';

/*
 * No index of GoodJob's says which jobs run. Those that a process holds are found by index_good_jobs_on_locked_by_id;
 * for the others (a worker died, and GoodJob has cleaned up after it) all jobs that wait have to be looked at.
 */

interface Unheld {
  /** Running jobs that no process holds; null: the jobs that wait are few enough to be read each time. */
  ids: string[] | null;
}

/** Up to so many waiting jobs are read in 20 ms. */
const FEW_WAITING = 10_000;

const MANY_UNHELD = 5_000;

const TTL_MS = 5_000;

const FEW_TTL_MS = 15_000;

/** A queue of a million is read twice a minute. */
const TTL_PER_QUERY_MS = 50;

const MAX_TTL_MS = 30_000;

/** Who asks within this time gets the old answer, and another read runs behind it. */
const STALE_MS = 60_000;

/** What can be asked beside the reader. */
interface Source {
  db: { read<T>(fn: (tx: Tx) => Promise<T>, options?: { byIndexOnly?: boolean }): Promise<T> };
  tables: GoodJobTables;
}

const ttlOfMany = costTtl(TTL_MS, TTL_PER_QUERY_MS, MAX_TTL_MS);

const unheldRuns = new ProcessCache<Unheld>('unheld running jobs', {
  ttlMs: (loadMs, { ids }) => (ids === null ? FEW_TTL_MS : ttlOfMany(loadMs)),
  maxEntries: 20,
});

/**
 * A condition on the alias `j` that all running jobs fulfil and that an index or a list of ids answers. Of a long
 * queue the running jobs that no process holds are those of some seconds ago, of a very long one of half a minute.
 */
export async function runningByIndex(tx: Tx, tables: GoodJobTables): Promise<Sql> {
  const { ids } = unheldRuns.peek(tables.schema.identity, '') ?? (await readUnheldHere(tx, tables));
  if (ids === null) return sql`j.finished_at IS NULL AND j.performed_at IS NOT NULL`;
  // OFFSET 0: that they have not finished is asked of the held ones alone, and not of an index of all unfinished jobs.
  return sql`j.id IN (SELECT l.id FROM (SELECT h.id, h.finished_at, h.performed_at FROM ${tables.jobs} h WHERE h.locked_by_id IS NOT NULL OFFSET 0) l WHERE l.finished_at IS NULL AND l.performed_at IS NOT NULL
    UNION ALL SELECT unnest(${ids}::uuid[]))`;
}

/** Reads again, beside the caller, when the cached answer has just expired. */
export function refreshRunning({ db, tables }: Source): void {
  unheldRuns.refresh(
    tables.schema.identity,
    '',
    () => db.read((tx) => readUnheld(tx, tables), { byIndexOnly: true }),
    { staleMs: STALE_MS },
  );
}

/** In the caller's own transaction: one that waited for another connection could use up the pool. */
async function readUnheldHere(tx: Tx, tables: GoodJobTables): Promise<Unheld> {
  const startedAt = Date.now();
  const unheld = await readUnheld(tx, tables);
  unheldRuns.set(tables.schema.identity, '', unheld, Date.now() - startedAt);
  return unheld;
}

async function readUnheld(tx: Tx, tables: GoodJobTables): Promise<Unheld> {
  const [row] = await tx.query<{ waiting: number; ids: string[] | null }>(sql`
    SELECT count(*)::int AS waiting, array_agg(j.id) FILTER (WHERE j.performed_at IS NOT NULL) AS ids
      FROM ${tables.jobs} j WHERE j.finished_at IS NULL AND j.locked_by_id IS NULL`);
  const ids = row?.ids ?? [];
  const isSmall = (row?.waiting ?? 0) <= FEW_WAITING || ids.length > MANY_UNHELD;
  return { ids: isSmall ? null : ids };
}
