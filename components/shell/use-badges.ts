import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Badges } from '@/lib/navigation/counts';
import { fetchJson, subscribeToBadges } from '../fetch-json';
import { useLive } from '../live';

const KEY = ['navigation'];
const NONE: Badges = { counts: null, attention: null };

/** The navigation's numbers: as the page came, as each poll of the page brings them, and anew after an action of the viewer. */
export function useBadges(rendered: Badges | null): Badges {
  const client = useQueryClient();
  const { basePath } = useLive();
  const { data } = useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) =>
      merge(
        client.getQueryData<Badges>(KEY),
        await fetchJson<Badges>(`${basePath}/api/navigation`, signal),
      ),
    initialData: rendered ?? NONE,
    staleTime: Infinity,
    enabled: rendered !== null,
  });
  useEffect(() => {
    const take = (badges: Badges) =>
      client.setQueryData<Badges>(KEY, (before) => merge(before, badges));
    if (rendered) take(rendered);
    return subscribeToBadges(take);
  }, [client, rendered]);
  return data;
}

/** What is not known yet stays as it was. */
function merge(before: Badges | undefined, badges: Badges): Badges {
  return {
    counts: badges.counts ?? before?.counts ?? null,
    attention: badges.attention === undefined ? before?.attention : badges.attention,
  };
}
