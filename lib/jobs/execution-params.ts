import sql, { type Sql } from 'sql-template-tag';
import { MAX_TEXT_BYTES } from '../db/text-limit';

/** The payload of the execution `e`; null where it is large, because its arguments may be all of its size. */
export const smallParams: Sql = sql`(CASE WHEN pg_column_size(e.serialized_params) <= ${MAX_TEXT_BYTES} THEN e.serialized_params END)`;

/** The number of an attempt, from its payload. Text, because a payload may hold any number. */
export function executionNumber(params: Sql): Sql {
  const executions = sql`(${params} -> 'executions')::numeric`;
  // A number of 12 bytes can have 131,072 digits: it is compared and rounded, and then printed.
  return sql`CASE WHEN jsonb_typeof(${params} -> 'executions') = 'number'
                  THEN CASE WHEN abs(${executions}) < 1e15 THEN (round(${executions}, 3) + 1)::text END
                  WHEN jsonb_typeof(${params}) = 'object' THEN '1' END`;
}

/** When an attempt was enqueued, from its payload: untrusted text. */
export const enqueuedAtOf = (params: Sql): Sql =>
  sql`CASE jsonb_typeof(${params} -> 'enqueued_at') WHEN 'string' THEN left(${params} ->> 'enqueued_at', 40) END`;
