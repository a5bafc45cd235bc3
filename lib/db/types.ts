import type { Sql } from 'sql-template-tag';

/**
 * Runs one statement inside a transaction that is already open. Rows are JSON-safe: timestamps are ISO 8601 UTC
 * text with microseconds, jsonb and bigint are text, smallint/integer are numbers, arrays of text are arrays.
 */
export interface Tx {
  query<Row>(statement: Sql): Promise<Row[]>;
}
