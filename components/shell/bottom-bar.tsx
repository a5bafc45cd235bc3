'use client';

import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { type ReactNode, useId } from 'react';
import type { Badges } from '@/lib/navigation/counts';
import { Icon } from '../ui/icon';
import { useNavBadges } from './nav-badges';
import { NavLink } from './nav-link';
import { NAV_GROUPS, type NavPage, pageOfPath } from './pages';

const FIRST_PAGES: readonly NavPage[] = ['overview', 'attention', 'jobs', 'batches'];
const MORE_PAGES = NAV_GROUPS.flatMap<NavPage>(({ pages }) => pages).filter(
  (page) => !FIRST_PAGES.includes(page),
);

/** The navigation of phones, at the bottom of the screen. */
export function BottomBar({
  badges: initialBadges,
  search,
  foot,
}: {
  badges: Badges | null;
  search: ReactNode;
  foot: ReactNode;
}) {
  const t = useTranslations('nav');
  const badges = useNavBadges(initialBadges);
  const id = useId();
  const pathname = usePathname();
  const currentPage = pageOfPath(pathname);
  const link = (page: NavPage) => (
    <NavLink page={page} isCurrent={page === currentPage} badge={badges[page]} />
  );
  return (
    <nav aria-label={t('label')} className="bottom-bar">
      <ul className="contents">
        {FIRST_PAGES.map((page) => (
          <li key={page}>{link(page)}</li>
        ))}
      </ul>
      <button
        type="button"
        popoverTarget={id}
        className={`nav-link relative ${MORE_PAGES.some((page) => badges[page]) ? 'has-badge' : ''}`}
      >
        <Icon name="more" />
        <span className="nav-text">{t('more')}</span>
      </button>
      {/* The key closes the sheet after a navigation. */}
      <div key={pathname} id={id} popover="auto" className="bottom-sheet">
        {search}
        <ul className="my-2 grid grid-cols-2 gap-1">
          {MORE_PAGES.map((page) => (
            <li key={page}>{link(page)}</li>
          ))}
        </ul>
        <div className="border-t border-line pt-2">{foot}</div>
      </div>
    </nav>
  );
}
