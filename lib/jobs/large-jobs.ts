import sql, { type Sql, join, raw } from 'sql-template-tag';
import { MAX_STORED_JSON_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { storedTextColumns } from './job-texts';

/*
 * Which jobs are too large to be searched by SQL alone, on the alias `j`, and what the texts of the others cost. A job is
 * large exactly where a text of StoredTexts would not be read: its columns are what decides.
 */

/** Bytes of a payload in memory beyond which its arguments are not measured. */
const MAX_PAYLOAD_BYTES = MAX_STORED_JSON_BYTES * 8;
/** Bytes of each row that a search does not count: ordinary rows are bounded by their number. */
const FREE_BYTES = 1_024;
/** Memory of an element of an array, whatever its text. */
const ELEMENT_BYTES = 8;

/** Bytes of an array of texts that was read. */
export const arrayBytes = (array: Sql): Sql =>
  sql`(octet_length(array_to_string(${array}, ',', '')) + ${ELEMENT_BYTES} * cardinality(${array}))`;

/** Bytes of the texts of StoredTexts that were read, on this alias. */
export const readBytes = (alias: Sql): Sql =>
  join(
    [
      ...[
        'arguments',
        'customMembers',
        'error',
        'jobClass',
        'queueName',
        'cronKey',
        'concurrencyKey',
      ].map((name) => sql`coalesce(octet_length(${alias}.${raw(`"${name}"`)}), 0)`),
      sql`coalesce(${arrayBytes(sql`${alias}.labels`)}, 0)`,
    ],
    ' + ',
    '(',
    ')',
  );

/** Bytes of the payload in memory; NULL where it is large by its stored size alone, and is not decompressed. */
export const payloadBytes = sql`CASE WHEN pg_column_size(j.serialized_params) <= ${MAX_STORED_JSON_BYTES} THEN pg_column_size(ARRAY[j.serialized_params]) END`;

/** What a search counts of the job's texts against its budget; NULL: the job is large. `payload`: what payloadBytes gave for it. */
export function searchedBytes(payload: Sql): Sql {
  const isUnread = sql`t."hasLargeName" OR t.labels IS NULL OR t.arguments = '' OR t."customMembers" = '' OR (t.error IS NULL AND t."errorBytes" IS NOT NULL)`;
  return sql`CASE WHEN octet_length(j.error) > ${MAX_TEXT_BYTES} THEN NULL
    WHEN j.serialized_params IS NULL OR ${payload} <= ${MAX_PAYLOAD_BYTES} THEN (
      SELECT CASE WHEN ${isUnread} THEN NULL ELSE greatest(greatest(coalesce(${payload}, 0) - coalesce(octet_length(t.arguments), 0), 0) + ${readBytes(sql`t`)} - ${FREE_BYTES}, 0) END
        FROM (SELECT ${storedTextColumns()} OFFSET 0) t) END`;
}
