import sql, { type Sql } from 'sql-template-tag';

/*
 * Every text that reaches JavaScript has a size that SQL decided. `pg_column_size` is the stored, compressed size, so it
 * can prove that a value is large but never that it is small: 256 kB stored can be 40 MB of text.
 */

/** The most of one text that a first paint, a list or a search reads. */
export const MAX_TEXT_BYTES = 64 * 1024;
/** The most of one text that "Show all" prints. */
export const MAX_FULL_TEXT_BYTES = 2 * 1024 * 1024;
/** A jsonb value with more stored bytes is large, and is not decompressed to find out how large. */
export const MAX_STORED_JSON_BYTES = 256 * 1024;
/** Bytes of jsonb in memory for each byte of its text, at most: a one-digit number has 1 byte of text and 12 of jsonb. */
const JSONB_BYTES_PER_TEXT_BYTE = 8;

/**
 * Whether the jsonb value is too large to be read as text of `maxBytes`. The stored size decides first, then the
 * decompressed size (an array holds its elements decompressed), and only then is the value printed. NULL is not large.
 */
export function isLargeJson(json: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`CASE
    WHEN ${json} IS NULL THEN false
    WHEN pg_column_size(${json}) > ${MAX_STORED_JSON_BYTES}::int THEN true
    WHEN pg_column_size(ARRAY[${json}]) > ${maxBytes * JSONB_BYTES_PER_TEXT_BYTE}::int THEN true
    ELSE octet_length((${json})::text) > ${maxBytes}::int
  END`;
}

/** The text of a jsonb value, or NULL if it is large (`isLargeJson`): a cut JSON text cannot be parsed. */
export function limitedJson(json: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`CASE WHEN NOT (${isLargeJson(json, maxBytes)}) THEN (${json})::text END`;
}

/** Whether a text has more than `maxBytes`. `octet_length` of a text reads its header, and decompresses nothing. */
export function isLargeText(text: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`coalesce(octet_length(${text}) > ${maxBytes}::int, false)`;
}

/** The beginning of a text: at most `maxBytes` characters, so at most four times as many bytes. */
export function limitedText(text: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`left(${text}, ${maxBytes}::int)`;
}
