import { useMemo, useState } from 'react';
import type { Page } from '@/lib/core/urls';
import type { JobPage, JobRow } from '@/lib/jobs/types';
import { useHref } from '../application';
import { usePolling } from '../polling/polling-provider';
import { usePollingQuery } from '../polling/use-polling-query';
import { fetchJson } from '../requests';
import { usePollParts, usePublishPage } from './poll-parts';

/** A page of any job list; only the list of all jobs sets the fields of JobPage. */
export type ListPage = Page<JobRow> & Partial<JobPage>;

interface ListResponse {
  page: ListPage;
  generation: number;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Polls a list without moving its rows: they update in place, and new ones are only counted until
 * the viewer asks for them. After an action by the viewer, the response replaces the rows.
 */
export function usePollingRows({
  endpoint,
  initial,
  enabled,
}: {
  endpoint: string;
  initial: ListPage;
  enabled: boolean;
}) {
  const href = useHref();
  const { generation } = usePolling();
  const parts = usePollParts();
  const first = useMemo<ListResponse>(
    () => ({ page: initial, generation: generation() }),
    [initial, generation],
  );
  const query = usePollingQuery<ListResponse>({
    key: [endpoint],
    initial: first,
    enabled,
    async fetch(signal) {
      const requestGeneration = generation();
      const { names, params } = parts?.collect() ?? { names: [], params: {} };
      const extraParams = new URLSearchParams({
        ...params,
        ...(names.length > 0 ? { include: names.join(',') } : {}),
      });
      const separator = endpoint.includes('?') ? '&' : '?';
      const response = await fetchJson<ListPage & Record<string, unknown>>(
        href(`${endpoint}${extraParams.size > 0 ? separator + extraParams : ''}`),
        signal,
      );
      parts?.dispatch(names, response);
      return { page: response, generation: requestGeneration };
    },
  });
  const response = query.data ?? first;
  usePublishPage(response.page);
  const [lastResponse, setLastResponse] = useState(response);
  const [list, setList] = useState({ page: initial, removedIds: NONE, newRows: 0 });
  if (response !== lastResponse) {
    setLastResponse(response);
    const { page } = response;
    const merged = mergeRows(list.page.rows, page.rows, page.next !== null);
    // Replacing rows is safe if none is on the screen or the viewer's own action changed them.
    const canReplace = response.generation > lastResponse.generation || list.page.rows.length === 0;
    const hasSameRows =
      merged.newRows === 0 &&
      merged.removedIds.size === 0 &&
      page.rows.length === list.page.rows.length;
    setList(
      canReplace || hasSameRows
        ? { page, removedIds: NONE, newRows: 0 }
        : {
            page: {
              ...list.page,
              partial: page.partial,
              hint: page.hint,
              resolvedIds: page.resolvedIds,
              unsearched: page.unsearched,
              rows: merged.rows,
            },
            removedIds: merged.removedIds,
            newRows: merged.newRows,
          },
    );
  }
  return {
    ...list,
    error: query.error,
    updatedAt: query.dataUpdatedAt,
    showLatest: () => setList({ page: response.page, removedIds: NONE, newRows: 0 }),
  };
}

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
