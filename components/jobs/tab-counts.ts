import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { JobState } from '@/lib/good-job/states';
import { countsWithPage } from '@/lib/jobs/links';
import type { JobCounts } from '@/lib/jobs/types';
import { fetchJson } from '../fetch-json';
import { WITH_LIST, useLive } from '../live';
import { useListedPage, usePollPart } from './poll-parts';

/**
 * How many jobs each tab has under the filter, as far as the page of the list, which is of the tab `state`, does not know
 * better. Requested once the page stands; after that they come with the list.
 */
export function useTabCounts(query: string, state: JobState | null): JobCounts | undefined {
  const { basePath } = useLive();
  const page = useListedPage();
  const path = `/api/jobs/counts?${query}`;
  const { data } = useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => fetchJson<JobCounts>(basePath + path, signal),
    staleTime: Infinity,
    meta: WITH_LIST,
  });
  return useMemo(
    () =>
      data &&
      (page ? countsWithPage({ ...data, list: listOf(data, state) }, { state, page }) : data),
    [data, page, state],
  );
}

const listOf = (counts: JobCounts, state: JobState | null) =>
  state ? counts.tabs[state] : counts.list;

/** Has the counts refreshed with the list. */
export function useTabCountsRefresh(query: string): void {
  const client = useQueryClient();
  usePollPart('counts', {
    ask: () => ({}),
    take: (counts) => client.setQueryData([`/api/jobs/counts?${query}`], counts),
  });
}
