import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Badges } from '@/lib/navigation/counts';
import { useHref } from '../application';
import { fetchJson, subscribeToBadges } from '../fetch-json';

const KEY = ['navigation'];
const NONE: Badges = { counts: null, attention: null };

/** The navigation counts of the first paint, updated by every poll and after each action. */
export function useBadges(initialBadges: Badges | null): Badges {
  const client = useQueryClient();
  const href = useHref();
  const { data } = useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) =>
      merge(
        client.getQueryData<Badges>(KEY),
        await fetchJson<Badges>(href('/api/navigation'), signal),
      ),
    initialData: initialBadges ?? NONE,
    staleTime: Infinity,
    enabled: initialBadges !== null,
  });
  useEffect(() => {
    const update = (badges: Badges) =>
      client.setQueryData<Badges>(KEY, (previous) => merge(previous, badges));
    if (initialBadges) update(initialBadges);
    return subscribeToBadges(update);
  }, [client, initialBadges]);
  return data;
}

/** Keeps the previous value of a count that is not known yet. */
function merge(previous: Badges | undefined, badges: Badges): Badges {
  return {
    counts: badges.counts ?? previous?.counts ?? null,
    attention: badges.attention === undefined ? previous?.attention : badges.attention,
  };
}
