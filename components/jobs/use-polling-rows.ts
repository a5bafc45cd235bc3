import { useMemo, useState } from 'react';
import type { Page } from '@/lib/core/search-params';
import type { JobPage, JobRow } from '@/lib/jobs/types';
import { useHref } from '../application';
import { fetchJson } from '../fetch-json';
import { usePolling } from '../polling/polling-provider';
import { usePollingQuery } from '../polling/use-polling-query';
import { mergeRows } from './merge-rows';
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
