import sql, { type Sql } from 'sql-template-tag';
import { MAX_TEXT_BYTES } from '../db/text-limit';

/** The payload of the execution `e`; null where it is large, because its arguments may be all of its size. */
export const smallParams: Sql = sql`(CASE WHEN pg_column_size(e.serialized_params) <= ${MAX_TEXT_BYTES} THEN e.serialized_params END)`;

/** The number of an attempt, from its payload. Text, because a payload may hold any number. */
export const executionNumber = (params: Sql): Sql =>
  sql`CASE jsonb_typeof(${params} -> 'executions') WHEN 'number' THEN left(((${params} ->> 'executions')::numeric + 1)::text, 20)
           ELSE CASE WHEN jsonb_typeof(${params}) = 'object' THEN '1' END END`;

/** When an attempt was enqueued, from its payload: untrusted text. */
export const enqueuedAtOf = (params: Sql): Sql =>
  sql`CASE jsonb_typeof(${params} -> 'enqueued_at') WHEN 'string' THEN left(${params} ->> 'enqueued_at', 40) END`;
