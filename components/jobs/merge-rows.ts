/** The state of a list after a poll. */
interface MergeResult<Row> {
  /** The current rows in their order, updated from the response. */
  rows: Row[];
  /** Ids of current rows that the list no longer contains. */
  removedIds: ReadonlySet<string>;
  /** Number of rows in the response that are not displayed yet. */
  newRows: number;
}

/**
 * Updates the current rows in place and only counts new ones, so that nothing moves under the
 * pointer. With `hasMore`, new rows may have pushed others off the page: only a row above one that
 * is still in the response is known to be removed.
 */
export function mergeRows<Row extends { id: string }>(
  current: readonly Row[],
  response: readonly Row[],
  hasMore: boolean,
): MergeResult<Row> {
  const responseRows = new Map(response.map((row) => [row.id, row]));
  const currentIds = new Set(current.map((row) => row.id));
  const lastInResponse = current.findLastIndex((row) => responseRows.has(row.id));
  const removedIds = current
    .filter((row, n) => !responseRows.has(row.id) && (!hasMore || n < lastInResponse))
    .map((row) => row.id);
  return {
    rows: current.map((row) => responseRows.get(row.id) ?? row),
    removedIds: new Set(removedIds),
    newRows: response.filter((row) => !currentIds.has(row.id)).length,
  };
}
