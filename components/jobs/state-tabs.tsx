'use client';

import { useTranslations } from 'next-intl';
import type { JobState } from '@/lib/good-job/types';
import { Link } from '../link';
import { useCountText } from '../quantities';
import { useTabCounts, useTabCountsRefresh } from './tab-counts';

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
                className={
                  'flex items-baseline gap-1.5 border-b-2 px-2.5 py-1.5 whitespace-nowrap no-underline ' +
                  (current
                    ? 'border-accent font-semibold text-accent'
                    : 'border-transparent text-ink hover:border-line-strong')
                }
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
