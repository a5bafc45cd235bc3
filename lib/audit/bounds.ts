/** Characters of a reason at most. */
export const MAX_REASON = 500;
/** An act on more rows than this is on record by its counts alone. */
export const MAX_ROWS = 25;
