import sql, { type Sql } from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';

/** Queues that are looked for: an app has tens of them, unless it names them after something that is not a queue. */
export const NAMES = 500;

/** One step in the index for each name, however many jobs have it; the read must be `byIndexOnly`. */
function looseScan(tx: Tx, gj: GoodJob, where: Sql): Promise<{ name: string }[]> {
  const first = (after: Sql) =>
    sql`SELECT j.queue_name FROM ${gj.jobs} j WHERE ${after} AND ${where} ORDER BY j.queue_name LIMIT 1`;
  return tx.query(sql`
    WITH RECURSIVE found(name) AS (
      (${first(sql`j.queue_name IS NOT NULL`)})
      UNION ALL
      SELECT (${first(sql`j.queue_name > found.name`)}) FROM found WHERE found.name IS NOT NULL)
    SELECT name FROM found WHERE name IS NOT NULL LIMIT ${NAMES + 1}`);
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
  const all = onlyOpen ? [] : await looseScan(tx, gj, sql`true`);
  const [row] = await tx.query<{ unnamed: boolean }>(
    sql`SELECT EXISTS (SELECT FROM ${gj.jobs} j WHERE j.queue_name IS NULL AND j.finished_at IS NULL) AS unnamed`,
  );
  const names = [...new Set([...open, ...all].map(({ name }) => name))];
  return {
    names: names.slice(0, NAMES),
    unnamed: row?.unnamed ?? false,
    more: open.length > NAMES || all.length > NAMES || names.length > NAMES,
    onlyOpen,
  };
}
