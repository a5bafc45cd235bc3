/** Characters of a reason at most. */
export const MAX_REASON = 500;
