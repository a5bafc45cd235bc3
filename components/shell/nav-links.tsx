'use client';

import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { Icon } from '../ui/icon';

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

/** `attention`: how many things need it, beside its name; `numbers`: those of other pages. */
export function NavLinks({
  attention,
  numbers,
}: {
  attention: ReactNode;
  numbers: Partial<Record<string, ReactNode>>;
}) {
  const t = useTranslations('nav');
  const pathname = usePathname();
  const here = PAGES.find((page) => pathname === `/${page}` || pathname.startsWith(`/${page}/`));
  const links = (className: string) => (
    <ul className={className}>
      {PAGES.map((page) => (
        <li key={page}>
          <Link
            href={`/${page}`}
            prefetch={false}
            aria-current={page === here ? 'page' : undefined}
            className="nav-link"
          >
            {t(page)}
            {page === 'attention' ? attention : numbers[page]}
          </Link>
        </li>
      ))}
    </ul>
  );
  return (
    <>
      {links('flex flex-wrap gap-1 max-sm:hidden')}
      {/* On another page it is another one, and so closed again. */}
      <details key={pathname} className="sm:hidden">
        <summary className="flex cursor-pointer list-none items-center gap-1.5 rounded-md border border-line-strong bg-canvas px-2.5 py-1 [&::-webkit-details-marker]:hidden">
          <Icon name="unfold" />
          <span className="sr-only">{t('menu')}</span>
          {here ? t(here) : t('menu')}
          {here !== 'attention' && <span className="ml-auto">{attention}</span>}
        </summary>
        {links('mt-1 grid grid-cols-2 gap-1')}
      </details>
    </>
  );
}
