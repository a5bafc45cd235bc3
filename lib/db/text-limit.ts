import sql, { type Sql, raw } from 'sql-template-tag';
import type { Cursor } from '../core/urls';

/*
 * SQL limits the size of every text before it reaches JavaScript. `pg_column_size` is the
 * compressed size, so it proves that a value is large but never that it is small: 256 kB can be 40
 * MB of text.
 */

const NULL_TEXT = sql`NULL::text`;

/** Size limit of one text for the first paint, a list or a search. */
export const MAX_TEXT_BYTES = 64 * 1024;
/** Size limit of one text for "Show all". */
export const MAX_FULL_TEXT_BYTES = 2 * 1024 * 1024;
/** A jsonb value with more stored bytes counts as large without being decompressed. */
export const MAX_STORED_JSON_BYTES = 256 * 1024;
/** Upper bound; a one-digit number in an array has 3 bytes of text and 12 bytes of jsonb. */
const JSONB_BYTES_PER_TEXT_BYTE = 8;

/** Levels that are searched for long numbers; deeper JSON paths overflow the stack of Postgres. */
const MAX_DEPTH = 6_000;
/** Minimum bytes of jsonb per nesting level. */
const BYTES_PER_LEVEL = 8;

/** Maximum digits before and after the decimal point; a double has up to 309 and 341. */
const MAX_DIGITS = 500;
/** The same for values large enough to contain many numbers. */
const MAX_DIGITS_OF_MANY = 40;
/** Values with fewer bytes in memory per byte of the limit may contain numbers of MAX_DIGITS. */
const FEW_NUMBERS = 1 / 16;

/** Stored bytes above which a value counts as large without being decompressed. */
export const maxStoredBytes = (maxBytes: number): number =>
  Math.max(MAX_STORED_JSON_BYTES, 2 * maxBytes);

/**
 * Whether a value contains a number with more digits before or after the decimal point: jsonb
 * stores `1e131071` in 12 bytes and prints 131,072. Decimal places are tested with (x-x+1)/3, which
 * has as many 3s as x has decimal places. Costs 1 to 2 µs per number.
 */
function hasLongNumber(json: Sql, digits: number): Sql {
  const third = `0.${'3'.repeat(digits)}`;
  const isLong = `@.abs() > 1e${digits} || (@ - @ + 1) / 3 > ${third}`;
  const path = raw(`'strict $.**{0 to ${MAX_DEPTH}} ? (${isLong})'`);
  return sql`jsonb_path_exists(${json}, ${path}, '{}', true)`;
}

/**
 * SQL for the text of a jsonb expression in memory; `large` if it exceeds `maxBytes`. Checks size,
 * depth and numbers before printing, which bounds the printed text. OFFSET 0 makes Postgres
 * evaluate each step once.
 */
export function limitedJsonInMemory(json: Sql, maxBytes = MAX_TEXT_BYTES, large = NULL_TEXT): Sql {
  const value = sql`stored.json[1]`;
  const size = sql`pg_column_size(stored.json)`;
  const deepPath = raw(`'strict $.**{${MAX_DEPTH + 1}}'`);
  const isTooDeep = sql`${size} > ${MAX_DEPTH * BYTES_PER_LEVEL}::int
                      AND jsonb_path_exists(${value}, ${deepPath}, '{}', true)`;
  return sql`(
    SELECT CASE
             WHEN octet_length(printed.text) <= ${maxBytes}::int THEN printed.text
             WHEN NOT printed.empty THEN ${large}
           END
      FROM (
        SELECT stored.json[1] IS NULL AS empty,
               CASE
                 WHEN ${size} > ${maxBytes * JSONB_BYTES_PER_TEXT_BYTE}::int THEN NULL
                 WHEN ${isTooDeep} THEN NULL
                 WHEN ${size} <= ${Math.floor(maxBytes * FEW_NUMBERS)}::int
                 THEN CASE WHEN NOT ${hasLongNumber(value, MAX_DIGITS)} THEN ${value}::text END
                 WHEN NOT ${hasLongNumber(value, MAX_DIGITS_OF_MANY)} THEN ${value}::text
               END AS text
          FROM (SELECT ARRAY[${json}] AS json OFFSET 0) stored
        OFFSET 0) printed)`;
}

/**
 * SQL for the text of a jsonb column; `large` (default NULL) if it exceeds `maxBytes`, because
 * truncated JSON cannot be parsed. Checks the stored size first, then the decompressed value.
 */
export function limitedJson(json: Sql, maxBytes = MAX_TEXT_BYTES, large = NULL_TEXT): Sql {
  const decompressed = limitedJsonInMemory(json, maxBytes, large);
  return sql`CASE
    WHEN pg_column_size(${json}) <= ${maxStoredBytes(maxBytes)}::int THEN ${decompressed}
    WHEN ${json} IS NOT NULL THEN ${large}
  END`;
}

/** SQL for whether a jsonb column exceeds `maxBytes` as text. NULL is not large. */
export function isLargeJson(json: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`(${json} IS NOT NULL AND (${limitedJson(json, maxBytes)}) IS NULL)`;
}

/** Minimum size that an array element counts as, because empty elements cost time too. */
const BYTES_PER_ELEMENT = 16;
const ELEMENT_BYTES_IN_MEMORY = 8;
/** Arrays up to this stored size need no measuring: Postgres compresses at most 1 to 255. */
const SMALL_ARRAY_BYTES = 250;

/**
 * SQL for a text array flattened to one dimension; NULL if it exceeds `maxBytes` or has too many
 * elements, and an empty array for NULL. Checks the stored size first and decompresses once.
 */
export function limitedArray(array: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  const maxElements = Math.floor(maxBytes / BYTES_PER_ELEMENT);
  const maxStored = maxBytes + (maxElements + 8) * ELEMENT_BYTES_IN_MEMORY;
  const isSmall = sql`pg_column_size(${array}) <= ${SMALL_ARRAY_BYTES}
     AND array_ndims(${array}) = 1
     AND cardinality(${array}) <= ${maxElements}::int`;
  return sql`CASE
    WHEN ${array} IS NULL THEN '{}'
    WHEN pg_column_size(${array}) > ${maxStored}::int THEN NULL
    WHEN ${isSmall} THEN ${array}
    ELSE (
      SELECT CASE
               WHEN cardinality(whole.texts) > ${maxElements}::int THEN NULL
               WHEN octet_length(array_to_string(whole.texts, ',', '')) > ${maxBytes}::int THEN NULL
               ELSE ARRAY(SELECT unnest(whole.texts))
             END
        FROM (SELECT ${array} || '{}' AS texts OFFSET 0) whole)
  END`;
}

/** SQL for whether a text exceeds `maxBytes`. `octet_length` reads only the header of a text. */
export function isLargeText(text: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`coalesce(octet_length(${text}) > ${maxBytes}::int, false)`;
}

/** SQL for the first `maxBytes` characters of a text, so up to four times as many bytes. */
export function limitedText(text: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`left(${text}, ${maxBytes}::int)`;
}

/** Sort order of a list whose rows have the alias `j`. */
export interface Order {
  /** The sort key; `id` breaks ties in the same direction. */
  key: Sql;
  direction: 'asc' | 'desc';
  /** SQL type of `id`; default uuid. */
  id?: 'uuid' | 'bigint';
}

/**
 * Returns ORDER BY for reading from the cursor. For `before` it is reversed, and so are the rows.
 */
export function orderBySql(order: Order, cursor: Cursor | null): Sql {
  const descending = (order.direction === 'desc') !== (cursor?.direction === 'before');
  return descending
    ? sql`ORDER BY ${order.key} DESC, j.id DESC`
    : sql`ORDER BY ${order.key} ASC, j.id ASC`;
}

/**
 * Returns the condition for the rows after the cursor in its direction. The comparison of the key
 * alone is redundant, but lets an index on the key bound the scan.
 */
export function afterCursorSql(order: Order, cursor: Cursor): Sql {
  const id = sql`${cursor.id}::${raw(order.id ?? 'uuid')}`;
  const forwards = (order.direction === 'asc') === (cursor.direction === 'after');
  return forwards
    ? sql`${order.key} >= ${cursor.at} AND (${order.key}, j.id) > (${cursor.at}, ${id})`
    : sql`${order.key} <= ${cursor.at} AND (${order.key}, j.id) < (${cursor.at}, ${id})`;
}

/** SQL for whether a timestamp is in the years 1 to 9999, whose differences fit an interval. */
export function isMeasurable(at: Sql): Sql {
  return sql`${at} BETWEEN '0001-01-01 00:00:00' AND '9999-12-31 00:00:00'`;
}

/**
 * SQL for the seconds between two timestamps; NULL if one is infinite or outside the years 1 to
 * 9999, where Postgres may raise 22008. Evaluates both expressions several times.
 */
export function secondsBetween(from: Sql, to: Sql): Sql {
  return sql`CASE
    WHEN ${isMeasurable(from)} AND ${isMeasurable(to)}
    THEN extract(epoch FROM ${to} - ${from})::float8
  END`;
}

/** SQL for the seconds of an interval; NULL if it is infinite (PostgreSQL 17). */
export function finiteSeconds(interval: Sql): Sql {
  return sql`CASE WHEN isfinite(${interval}) THEN extract(epoch FROM ${interval})::float8 END`;
}

/*
 * Applications can store megabytes in the names of queues, classes, cron keys and labels. Pages
 * that group jobs by name omit longer names and say that the list is incomplete.
 */

/** Maximum length of a name in a list. */
export const MAX_NAME_BYTES = 1_000;

/** SQL for a name; NULL if it is too long to be listed. */
export const listedName = (name: Sql): Sql =>
  sql`CASE WHEN octet_length(${name}) <= ${MAX_NAME_BYTES}::int THEN ${name} END`;
