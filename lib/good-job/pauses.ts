import sql, { type Sql } from 'sql-template-tag';
import { MAX_NAME_BYTES } from '../db/name-limit';
import type { Tx } from '../db/types';
import type { GoodJob } from './tables';

const list = (gj: GoodJob, key: string) => sql`
  COALESCE((SELECT CASE jsonb_typeof(s.value -> ${key}) WHEN 'array' THEN s.value -> ${key} END FROM ${gj.settings} s WHERE s.key = 'pauses'), '[]'::jsonb)`;

/** Whether the job `j` waits because its queue, class or a label is in `pauses` (GoodJob::Setting.paused). */
export function isPaused(gj: GoodJob): Sql {
  return sql`(${list(gj, 'queues')} ? j.queue_name OR ${list(gj, 'job_classes')} ? j.job_class
    OR (j.labels IS NOT NULL AND ${list(gj, 'labels')} ?| j.labels))`;
}

/** All that is paused, one row a name, as a query of "by" (queue, job_class, label) and name. */
export function pausedNames(gj: GoodJob): Sql {
  return sql`
    SELECT "by", name FROM (
      SELECT 'queue' AS "by", jsonb_array_elements_text(${list(gj, 'queues')}) AS name
      UNION SELECT 'job_class', jsonb_array_elements_text(${list(gj, 'job_classes')})
      UNION SELECT 'label', jsonb_array_elements_text(${list(gj, 'labels')})) paused
     WHERE octet_length(name) <= ${MAX_NAME_BYTES}::int LIMIT 200`;
}

/** Paused queues that are read at most. */
const PAUSED_QUEUES = 2_000;

/** The queues that are paused, as they are named in the setting; those that are not text are left out. */
export async function pausedQueues(tx: Tx, gj: GoodJob): Promise<Set<string>> {
  const rows = await tx.query<{ name: string }>(sql`
    SELECT e.value #>> '{}' AS name FROM jsonb_array_elements(${list(gj, 'queues')}) e
     WHERE jsonb_typeof(e.value) = 'string' AND octet_length(e.value #>> '{}') <= ${MAX_NAME_BYTES}::int
     LIMIT ${PAUSED_QUEUES}`);
  return new Set(rows.map(({ name }) => name));
}
