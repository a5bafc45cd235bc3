import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { JobState } from '@/lib/good-job/types';
import { reconcileCounts } from '@/lib/jobs/links';
import type { JobCounts } from '@/lib/jobs/types';
import { useHref } from '../application';
import { fetchJson } from '../fetch-json';
import { WITH_LIST_META } from '../polling/polling-provider';
import { useCurrentPage, usePollPart } from './poll-parts';

/**
 * The number of jobs of each tab under the filter, corrected by the page of the tab `state` where
 * that is exact. The first request follows the page; later ones are part of the list's poll.
 */
export function useTabCounts(query: string, state: JobState | null): JobCounts | undefined {
  const href = useHref();
  const page = useCurrentPage();
  const path = `/api/jobs/counts?${query}`;
  const { data } = useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => fetchJson<JobCounts>(href(path), signal),
    staleTime: Infinity,
    meta: WITH_LIST_META,
  });
  return useMemo(
    () =>
      data &&
      (page ? reconcileCounts({ ...data, list: listCount(data, state) }, { state, page }) : data),
    [data, page, state],
  );
}

const listCount = (counts: JobCounts, state: JobState | null) =>
  state ? counts.tabs[state] : counts.list;

/** Adds the counts to the list's poll. */
export function useTabCountsRefresh(query: string): void {
  const client = useQueryClient();
  usePollPart('counts', {
    params: () => ({}),
    onData: (counts) => client.setQueryData([`/api/jobs/counts?${query}`], counts),
  });
}
