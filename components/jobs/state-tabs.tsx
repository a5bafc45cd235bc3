'use client';

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useMemo } from 'react';
import type { JobState } from '@/lib/good-job/types';
import { reconcileCounts } from '@/lib/jobs/links';
import type { JobCounts } from '@/lib/jobs/types';
import { useHref } from '../application';
import { Link } from '../navigation';
import { WITH_LIST_META } from '../polling/polling-provider';
import { useCountText } from '../quantities';
import { fetchJson } from '../requests';
import { useCurrentPage, usePollPart } from './poll-parts';

interface StateTab {
  state: JobState | null;
  href: string;
  current: boolean;
}

/** Tabs for all jobs and for each state, with the number of jobs under the filter `query`. */
export function StateTabs({
  tabs,
  query,
  state: listState,
}: {
  tabs: StateTab[];
  query: string;
  /** The tab of the list. */
  state: JobState | null;
}) {
  const t = useTranslations();
  const countText = useCountText();
  const counts = useTabCounts(query, listState);
  useTabCountsRefresh(query);
  return (
    <nav aria-label={t('jobs.tabs')} className="mb-2 overflow-x-auto border-b border-line">
      <ul className="flex gap-x-1">
        {tabs.map(({ state, href, current }) => {
          const count = state ? counts?.tabs[state] : counts?.all;
          const { text, title } = count ? countText(count) : { text: '', title: '' };
          return (
            <li key={href}>
              <Link
                href={href}
                prefetch={false}
                aria-current={current ? 'page' : undefined}
                className="tab flex items-baseline gap-1.5"
              >
                {t(`states.${state ?? 'all'}`)}
                {/* Reserves its width before the count arrives, so that the tabs do not move. */}
                <span title={title} className="js-only min-w-7 text-xs font-normal text-soft">
                  {text}
                </span>
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

/** The number of jobs in the list. `query` is the filter without the state. */
export function ListCount({ state, query }: { state: JobState | null; query: string }) {
  const t = useTranslations('counts');
  const countText = useCountText();
  const count = useTabCounts(query, state)?.list;
  if (!count || count.kind === 'unknown') return null;
  const { number, title } = countText(count);
  return (
    <span title={title} className="whitespace-nowrap text-soft">
      {t(`jobs.${count.kind}`, { count: count.count, number })}
    </span>
  );
}

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
function useTabCountsRefresh(query: string): void {
  const client = useQueryClient();
  usePollPart('counts', {
    params: () => ({}),
    onData: (counts) => client.setQueryData([`/api/jobs/counts?${query}`], counts),
  });
}
