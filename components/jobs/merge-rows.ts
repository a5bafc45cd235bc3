/** What a list shows once an answer has come that was not asked for by the viewer. */
export interface Merged<Row> {
  /** The rows that stood there, in their places, as they are now. */
  rows: Row[];
  /** Those of them that are in the list no more. */
  left: ReadonlySet<string>;
  /** Rows of the answer that do not stand there. */
  newRows: number;
}

/**
 * Rows that are shown are brought up to date where they stand; what would be inserted is counted, not shown: nothing
 * moves under the pointer. A row that the answer lacks has left the list, unless newer ones pushed it off its page:
 * `more` says that the list goes on beyond the answer, and then only what stands above a row of the answer is known
 * to have left.
 */
export function mergeRows<Row extends { id: string }>(
  shown: readonly Row[],
  answer: readonly Row[],
  more: boolean,
): Merged<Row> {
  const answered = new Map(answer.map((row) => [row.id, row]));
  const standing = new Set(shown.map((row) => row.id));
  const lastKnown = shown.findLastIndex((row) => answered.has(row.id));
  const left = shown
    .filter((row, n) => !answered.has(row.id) && (!more || n < lastKnown))
    .map((row) => row.id);
  return {
    rows: shown.map((row) => answered.get(row.id) ?? row),
    left: new Set(left),
    newRows: answer.filter((row) => !standing.has(row.id)).length,
  };
}
