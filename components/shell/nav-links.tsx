'use client';

import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';
import type { Badges } from '@/lib/navigation/counts';
import { Icon } from '../ui/icon';
import { NavAttention } from './nav-attention';
import { useNavCounts } from './nav-counts';
import { useBadges } from './use-badges';

const PAGES = [
  'jobs',
  'batches',
  'attention',
  'queues',
  'processes',
  'cron_entries',
  'pauses',
  'cleaner',
  'performance',
  'bulk',
  'audit',
] as const;

/** The links to all pages with their counts. `badges` null: the database is unavailable. */
export function NavLinks({ badges: initialBadges }: { badges: Badges | null }) {
  const badges = useBadges(initialBadges);
  const counts = useNavCounts(badges.counts);
  const attention = <NavAttention count={badges.attention} />;
  const t = useTranslations('nav');
  const pathname = usePathname();
  const currentPage = PAGES.find(
    (page) => pathname === `/${page}` || pathname.startsWith(`/${page}/`),
  );
  const links = (className: string) => (
    <ul className={className}>
      {PAGES.map((page) => (
        <li key={page}>
          <Link
            href={`/${page}`}
            prefetch={false}
            aria-current={page === currentPage ? 'page' : undefined}
            className="nav-link"
          >
            {t(page)}
            {page === 'attention' ? attention : counts[page]}
          </Link>
        </li>
      ))}
    </ul>
  );
  return (
    <>
      {links('flex flex-wrap gap-1 max-sm:hidden')}
      {/* The key closes the menu after a navigation. */}
      <details key={pathname} className="sm:hidden">
        <summary
          className={
            'flex cursor-pointer list-none items-center gap-1.5 rounded-md border border-line-strong ' +
            'bg-canvas px-2.5 py-1 [&::-webkit-details-marker]:hidden'
          }
        >
          <Icon name="unfold" />
          <span className="sr-only">{t('menu')}</span>
          {currentPage ? t(currentPage) : t('menu')}
          {currentPage !== 'attention' && <span className="ml-auto">{attention}</span>}
        </summary>
        {links('mt-1 grid grid-cols-2 gap-1')}
      </details>
    </>
  );
}
