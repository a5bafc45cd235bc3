'use client';

import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { Badges } from '@/lib/navigation/counts';
import { useNavBadges } from './nav-badges';
import { NavLink } from './nav-link';
import { NAV_GROUPS, pageOfPath } from './pages';

/** The navigation beside the page: a rail of icons on narrow screens, hidden on phones. */
export function Sidebar({
  badges: initialBadges,
  head,
  search,
  foot,
}: {
  /** Null: the database is unavailable. */
  badges: Badges | null;
  head: ReactNode;
  search: ReactNode;
  foot: ReactNode;
}) {
  const t = useTranslations('nav');
  const badges = useNavBadges(initialBadges);
  const currentPage = pageOfPath(usePathname());
  return (
    <header className="sidebar">
      {head}
      {search}
      <nav aria-label={t('label')} className="mt-2">
        {NAV_GROUPS.map(({ group, pages }) => (
          <div key={group} className="mb-3">
            {group && (
              <>
                <p className="rail-hidden px-2 pb-0.5 text-xs text-faint">{t(`groups.${group}`)}</p>
                <hr className="rail-only mb-2 border-line" />
              </>
            )}
            <ul>
              {pages.map((page) => (
                <li key={page}>
                  <NavLink page={page} isCurrent={page === currentPage} badge={badges[page]} />
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <div className="mt-auto border-t border-line pt-2">{foot}</div>
    </header>
  );
}
