/** Characters of a reason at most. */
export const MAX_REASON = 500;
/** An act on more rows than this is on record by its counts alone. */
export const MAX_ROWS = 25;
/** A column, or a payload without its arguments, with more bytes is not recorded. */
export const MAX_COLUMN_BYTES = 4 * 1024;
/** Bytes of all recorded rows, before and after together. */
export const MAX_SNAPSHOT_BYTES = 256 * 1024;
/** Milliseconds that the redaction of the recorded rows may hold the locks of the act. */
export const MAX_SNAPSHOT_MS = 50;
/** Stands in the record for a column or a row that was too large. */
export const NOT_RECORDED = 'not recorded: too large';
