import sql, { raw } from 'sql-template-tag';
import { type Sql } from 'sql-template-tag';
import { codeOf } from '../core/errors';
import type { Cursor } from '../core/search-params';
import type { Tx } from './database';

/*
 * Every text that reaches JavaScript has a size that SQL decided. `pg_column_size` is the stored, compressed size, so it
 * can prove that a value is large but never that it is small: 256 kB stored can be 40 MB of text.
 */

const NULL_TEXT = sql`NULL::text`;

/** The most of one text that a first paint, a list or a search reads. */
export const MAX_TEXT_BYTES = 64 * 1024;
/** The most of one text that "Show all" prints. */
export const MAX_FULL_TEXT_BYTES = 2 * 1024 * 1024;
/** A jsonb value with more stored bytes is large, and is not decompressed to find out how large. */
export const MAX_STORED_JSON_BYTES = 256 * 1024;
/** Bytes of jsonb in memory for each byte of its text, at most: a one-digit number has 3 bytes of text and 12 of jsonb. */
const JSONB_BYTES_PER_TEXT_BYTE = 8;

/** Levels of a value that are searched for long numbers; a path that goes through more uses up the stack of Postgres. */
const MAX_DEPTH = 6_000;
const BYTES_PER_LEVEL = 8;

/** Digits of a number before and behind its point: a double has at most 309 and 341. */
const MAX_DIGITS = 500;
/** The same in a value that can hold many numbers. */
const MAX_DIGITS_OF_MANY = 40;
/** A value with fewer bytes in memory for each byte of the limit is printed with numbers of MAX_DIGITS. */
const FEW_NUMBERS = 1 / 16;

/** Stored bytes above which a value is not decompressed to be measured. */
export const maxStoredBytes = (maxBytes: number): number =>
  Math.max(MAX_STORED_JSON_BYTES, 2 * maxBytes);

/**
 * Whether a number has more digits before or behind its point. jsonb stores `1e131071` in 12 bytes and prints 131,072,
 * and `0e-16383` prints 16,385. The digits behind the point cannot be asked for in a path, but a third has as many of
 * them as its numerator. Arithmetic with what is no number is false. Costs 1 to 2 µs for each number.
 */
function hasLongNumber(json: Sql, digits: number): Sql {
  const third = `0.${'3'.repeat(digits)}`;
  return sql`jsonb_path_exists(${json}, ${raw(`'strict $.**{0 to ${MAX_DEPTH}} ? (@.abs() > 1e${digits} || (@ - @ + 1) / 3 > ${third})'`)}, '{}', true)`;
}

/**
 * The text of a jsonb expression that is already in memory; `large` where it has more than `maxBytes`. Before it is
 * printed its size, its depth and its numbers bound what is printed. Each step is evaluated once.
 */
export function limitedJsonInMemory(json: Sql, maxBytes = MAX_TEXT_BYTES, large = NULL_TEXT): Sql {
  const value = sql`stored.json[1]`;
  const size = sql`pg_column_size(stored.json)`;
  return sql`(
    SELECT CASE WHEN octet_length(printed.text) <= ${maxBytes}::int THEN printed.text WHEN NOT printed.empty THEN ${large} END
      FROM (
        SELECT stored.json[1] IS NULL AS empty,
               CASE WHEN ${size} > ${maxBytes * JSONB_BYTES_PER_TEXT_BYTE}::int THEN NULL
                 WHEN ${size} > ${MAX_DEPTH * BYTES_PER_LEVEL}::int AND jsonb_path_exists(${value}, ${raw(`'strict $.**{${MAX_DEPTH + 1}}'`)}, '{}', true) THEN NULL
                 WHEN ${size} <= ${Math.floor(maxBytes * FEW_NUMBERS)}::int THEN CASE WHEN NOT ${hasLongNumber(value, MAX_DIGITS)} THEN ${value}::text END
                 WHEN NOT ${hasLongNumber(value, MAX_DIGITS_OF_MANY)} THEN ${value}::text END AS text
          FROM (SELECT ARRAY[${json}] AS json OFFSET 0) stored OFFSET 0) printed)`;
}

/**
 * The text of a jsonb column; `large` (NULL) where it is large: a cut JSON text cannot be parsed. The stored size decides
 * first, then the decompressed value (an array holds its elements decompressed).
 */
export function limitedJson(json: Sql, maxBytes = MAX_TEXT_BYTES, large = NULL_TEXT): Sql {
  return sql`CASE WHEN pg_column_size(${json}) <= ${maxStoredBytes(maxBytes)}::int THEN ${limitedJsonInMemory(json, maxBytes, large)}
    WHEN ${json} IS NOT NULL THEN ${large} END`;
}

/** Whether the jsonb column is too large to be read as text of `maxBytes`. NULL is not large. */
export function isLargeJson(json: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`(${json} IS NOT NULL AND (${limitedJson(json, maxBytes)}) IS NULL)`;
}

/** Bytes of the limit for each element of an array: those that are empty have no bytes, but cost time. */
export const BYTES_PER_ELEMENT = 16;
const ELEMENT_BYTES_IN_MEMORY = 8;
/** Stored bytes of an array that is read at once: no compression of Postgres exceeds 1 to 255. */
const SMALL_ARRAY_BYTES = 250;

/**
 * An array of texts without its dimensions, or NULL where it is larger than `maxBytes` or has too many elements; an array
 * that is NULL is empty. The stored size decides first; then it is decompressed once.
 */
export function limitedArray(array: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  const maxElements = Math.floor(maxBytes / BYTES_PER_ELEMENT);
  const maxStored = maxBytes + (maxElements + 8) * ELEMENT_BYTES_IN_MEMORY;
  return sql`CASE WHEN ${array} IS NULL THEN '{}' WHEN pg_column_size(${array}) > ${maxStored}::int THEN NULL
    WHEN pg_column_size(${array}) <= ${SMALL_ARRAY_BYTES} AND array_ndims(${array}) = 1 AND cardinality(${array}) <= ${maxElements}::int THEN ${array}
    ELSE (
      SELECT CASE WHEN cardinality(whole.texts) > ${maxElements}::int THEN NULL
               WHEN octet_length(array_to_string(whole.texts, ',', '')) > ${maxBytes}::int THEN NULL
               ELSE ARRAY(SELECT unnest(whole.texts)) END
        FROM (SELECT ${array} || '{}' AS texts OFFSET 0) whole) END`;
}

/** Whether a text has more than `maxBytes`. `octet_length` of a text reads its header, and decompresses nothing. */
export function isLargeText(text: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`coalesce(octet_length(${text}) > ${maxBytes}::int, false)`;
}

/** The beginning of a text: at most `maxBytes` characters, so at most four times as many bytes. */
export function limitedText(text: Sql, maxBytes = MAX_TEXT_BYTES): Sql {
  return sql`left(${text}, ${maxBytes}::int)`;
}

export interface Order {
  /** The sort key; `id` breaks its ties in the same direction. */
  key: Sql;
  direction: 'asc' | 'desc';
  /** The type of `id`; default: uuid. */
  id?: 'uuid' | 'bigint';
}

/** ORDER BY for reading from the cursor in its direction (backwards for `before`; turn the rows round afterwards). */
export function orderBy(order: Order, cursor: Cursor | null): Sql {
  const descending = (order.direction === 'desc') !== (cursor?.direction === 'before');
  return descending
    ? sql`ORDER BY ${order.key} DESC, j.id DESC`
    : sql`ORDER BY ${order.key} ASC, j.id ASC`;
}

/**
 * The rows beyond the cursor. The plain comparison beside the row comparison lets an index on the key alone
 * bound the scan.
 */
export function afterCursorSql(order: Order, cursor: Cursor): Sql {
  const id = sql`${cursor.id}::${raw(order.id ?? 'uuid')}`;
  const forwards = (order.direction === 'asc') === (cursor.direction === 'after');
  return forwards
    ? sql`${order.key} >= ${cursor.at} AND (${order.key}, j.id) > (${cursor.at}, ${id})`
    : sql`${order.key} <= ${cursor.at} AND (${order.key}, j.id) < (${cursor.at}, ${id})`;
}

/** Whether a timestamp is in the years 1 to 9999: the difference of any two fits an interval. */
export function isMeasurable(at: Sql): Sql {
  return sql`${at} BETWEEN '0001-01-01 00:00:00' AND '9999-12-31 00:00:00'`;
}

/**
 * Seconds from one timestamp to another; NULL where one is infinite or outside of the years 1 to 9999, where Postgres
 * may raise 22008 instead of a difference. Both expressions are evaluated several times.
 */
export function secondsBetween(from: Sql, to: Sql): Sql {
  return sql`CASE WHEN ${isMeasurable(from)} AND ${isMeasurable(to)} THEN extract(epoch FROM ${to} - ${from})::float8 END`;
}

/** Seconds of an interval; NULL where it is infinite, which it can be as of PostgreSQL 17. */
export function finiteSeconds(interval: Sql): Sql {
  return sql`CASE WHEN isfinite(${interval}) THEN extract(epoch FROM ${interval})::float8 END`;
}

/*
 * Names of queues, classes, cron keys and labels. Any application may store megabytes in them; a longer name is left
 * out of the pages that gather jobs by name, and these pages say that there is more.
 */

/** Bytes of the longest name that pages list. */
export const MAX_NAME_BYTES = 1_000;

/** The name, or NULL where it is too long to be listed. */
export const listedName = (name: Sql): Sql =>
  sql`CASE WHEN octet_length(${name}) <= ${MAX_NAME_BYTES}::int THEN ${name} END`;

/**
 * What `read` returns; null where a statement of it ran longer than `timeoutMs`. The transaction goes on either way: a
 * savepoint takes back the timeout, so `read` must write nothing.
 */
export async function nullOnTimeout<T>(
  tx: Tx,
  timeoutMs: number,
  read: () => Promise<T>,
): Promise<T | null> {
  await tx.query(
    sql`SAVEPOINT timed_read; SET LOCAL statement_timeout = ${raw(String(Math.max(1, Math.ceil(timeoutMs))))}`,
  );
  const result = await read().catch((error: unknown) => {
    if (codeOf(error) !== '57014') throw error;
    return null;
  });
  await tx.query(sql`ROLLBACK TO SAVEPOINT timed_read; RELEASE SAVEPOINT timed_read`);
  return result;
}
