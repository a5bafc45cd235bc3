import sql, { type Sql, raw } from 'sql-template-tag';
import { MAX_STORED_JSON_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { wholeArray } from './job-texts';

/*
 * Which jobs are too large to be searched by SQL alone, on the alias `j`. Ordinary rows are told by their size in
 * memory, so that their arguments need not be printed.
 */

/** Bytes of a payload in memory whose text cannot exceed MAX_TEXT_BYTES: a control character is printed as six bytes. */
const SMALL_BYTES = Math.floor(MAX_TEXT_BYTES / 6.5);
/** Bytes of each row that a search does not count: ordinary rows are bounded by their number. */
const FREE_BYTES = 1_024;
const NAMES = ['job_class', 'queue_name', 'cron_key', 'concurrency_key'].map((name) =>
  raw(`coalesce(octet_length(j.${name}), 0)`),
);

/** Bytes of the payload in memory; NULL where it is large by its stored size alone, and is not decompressed. */
export const payloadBytes = sql`CASE WHEN pg_column_size(j.serialized_params) <= ${MAX_STORED_JSON_BYTES} THEN pg_column_size(ARRAY[j.serialized_params]) END`;

/** Whether any text of the job is larger than MAX_TEXT_BYTES. `payload`: what payloadBytes gave for it. */
export function isLargeJob(payload: Sql = sql`(${payloadBytes})`): Sql {
  const names = NAMES.reduce((sum, name) => sql`${sum} + ${name}`);
  return sql`CASE WHEN octet_length(j.error) > ${MAX_TEXT_BYTES} THEN true
    WHEN pg_column_size(j.serialized_params) > ${MAX_STORED_JSON_BYTES} THEN true
    WHEN ${names} > ${MAX_TEXT_BYTES} THEN true
    WHEN ${wholeArray(sql`j.labels`)} IS NULL THEN true
    WHEN j.serialized_params IS NULL OR ${payload} <= ${SMALL_BYTES} THEN false
    WHEN ${payload} > ${MAX_STORED_JSON_BYTES * 8} THEN true
    ELSE coalesce(octet_length((j.serialized_params -> 'arguments')::text) > ${MAX_TEXT_BYTES}, false) END`;
}

/** What a search counts of the job's texts against its budget. */
export const chargedBytes = (payload: Sql): Sql =>
  sql`greatest(coalesce(${payload}, 0) + coalesce(octet_length(j.error), 0) - ${FREE_BYTES}, 0)`;
