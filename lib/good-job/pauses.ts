import sql, { type Sql } from 'sql-template-tag';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES } from '../db/text-limit';
import { list, PAUSED_QUEUES } from './settings';
import type { GoodJobTables } from './tables';

/** Whether the job `j` waits because its queue, class or a label is in `pauses` (GoodJob::Setting.paused). */
export function isPaused(tables: GoodJobTables): Sql {
  return sql`(${list(tables, 'queues')} ? j.queue_name OR ${list(tables, 'job_classes')} ? j.job_class
    OR (j.labels IS NOT NULL AND ${list(tables, 'labels')} ?| j.labels))`;
}

/** All that is paused, one row a name, as a query of "by" (queue, job_class, label) and name. */
export function pausedNames(tables: GoodJobTables): Sql {
  return sql`
    SELECT "by", name FROM (
      SELECT 'queue' AS "by", jsonb_array_elements_text(${list(tables, 'queues')}) AS name
      UNION SELECT 'job_class', jsonb_array_elements_text(${list(tables, 'job_classes')})
      UNION SELECT 'label', jsonb_array_elements_text(${list(tables, 'labels')})) paused
     WHERE octet_length(name) <= ${MAX_NAME_BYTES}::int LIMIT 200`;
}

/** The queues that are paused, as they are named in the setting; those that are not text are left out. */
export async function pausedQueues(tx: Tx, tables: GoodJobTables): Promise<Set<string>> {
  const rows = await tx.query<{ name: string }>(sql`
    SELECT e.value #>> '{}' AS name FROM jsonb_array_elements(${list(tables, 'queues')}) e
     WHERE jsonb_typeof(e.value) = 'string' AND octet_length(e.value #>> '{}') <= ${MAX_NAME_BYTES}::int
     LIMIT ${PAUSED_QUEUES}`);
  return new Set(rows.map(({ name }) => name));
}
