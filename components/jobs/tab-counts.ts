import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import type { JobCounts } from '@/lib/jobs/types';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import { usePollPart } from './poll-parts';

/** How many jobs each tab has under the filter. Asked for once the page stands; after that they come with the list. */
export function useTabCounts(query: string): UseQueryResult<JobCounts> {
  const { basePath } = useLive();
  const path = `/api/jobs/counts?${query}`;
  return useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => fetchJson<JobCounts>(basePath + path, signal),
    staleTime: Infinity,
  });
}

/** Has the counts refreshed with the list. */
export function useTabCountsRefresh(query: string): void {
  const client = useQueryClient();
  usePollPart('counts', {
    ask: () => ({}),
    take: (counts) => client.setQueryData([`/api/jobs/counts?${query}`], counts),
  });
}
