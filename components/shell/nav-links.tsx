'use client';

import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';

const PAGES = ['jobs', 'batches', 'bulk'] as const;

export function NavLinks() {
  const t = useTranslations('nav');
  const pathname = usePathname();
  return (
    <ul className="flex flex-wrap gap-1">
      {PAGES.map((page) => {
        const here = pathname === `/${page}` || pathname.startsWith(`/${page}/`);
        return (
          <li key={page}>
            <Link href={`/${page}`} prefetch={false} aria-current={here ? 'page' : undefined} className={`block rounded-md px-2.5 py-1 whitespace-nowrap no-underline ${here ? 'bg-accent-wash font-semibold text-accent' : 'text-ink hover:bg-canvas'}`}>
              {t(page)}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
