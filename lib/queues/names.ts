import sql, { type Sql } from 'sql-template-tag';
import { listedName } from '../db/name-limit';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';

/** Queues that are looked for: an app has tens of them, unless it names them after something that is not a queue. */
export const NAMES = 500;

/** One step in the index for each name, however many jobs have it; the read must be `byIndexOnly`. */
async function looseScan(
  tx: Tx,
  gj: GoodJob,
  where: Sql,
): Promise<{ names: string[]; more: boolean }> {
  const first = (after: Sql) =>
    sql`SELECT j.queue_name FROM ${gj.jobs} j WHERE ${after} AND ${where} ORDER BY j.queue_name LIMIT 1`;
  const rows = await tx.query<{ name: string | null }>(sql`
    WITH RECURSIVE found(name) AS (
      (${first(sql`j.queue_name IS NOT NULL`)})
      UNION ALL
      SELECT (${first(sql`j.queue_name > found.name`)}) FROM found WHERE found.name IS NOT NULL)
    SELECT ${listedName(sql`name`)} AS name FROM found WHERE name IS NOT NULL LIMIT ${NAMES + 1}`);
  const names = rows.flatMap(({ name }) => name ?? []);
  return { names, more: rows.length > NAMES || names.length < rows.length };
}

export interface QueueNames {
  names: string[];
  /** There are open jobs without a queue. */
  unnamed: boolean;
  /** There are more than were looked for. */
  more: boolean;
  onlyOpen: boolean;
}

/**
 * The queues that have jobs, those with unfinished ones first (index_good_jobs_on_queue_name_and_scheduled_at), then
 * those of all jobs (index_good_jobs_on_queue_name, of GoodJob 4.18).
 */
export async function queueNames(tx: Tx, gj: GoodJob): Promise<QueueNames> {
  const onlyOpen = gj.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_queue_name',
  );
  const open = await looseScan(tx, gj, sql`j.finished_at IS NULL`);
  const all = onlyOpen ? { names: [], more: false } : await looseScan(tx, gj, sql`true`);
  const [row] = await tx.query<{ unnamed: boolean }>(
    sql`SELECT EXISTS (SELECT FROM ${gj.jobs} j WHERE j.queue_name IS NULL AND j.finished_at IS NULL) AS unnamed`,
  );
  const names = [...new Set([...open.names, ...all.names])];
  return {
    names: names.slice(0, NAMES),
    unnamed: row?.unnamed ?? false,
    more: open.more || all.more || names.length > NAMES,
    onlyOpen,
  };
}
