import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { env } from '@/lib/config/environment';
import type { Badges } from '@/lib/navigation/counts';
import { IconSprite } from '../ui/icon-sprite';
import { NavLinks } from './nav-links';
import { PollingSelect } from './polling-select';
import { Preferences } from './preferences';
import { ViewerMenu } from './viewer-menu';

/** The layout of every page: header with navigation and settings, then the content. */
export function Shell({
  badges = null,
  children,
}: {
  badges?: Badges | null;
  children: ReactNode;
}) {
  const t = useTranslations();
  return (
    <>
      <IconSprite />
      <a
        href="#content"
        className={
          'sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded ' +
          'focus:bg-raised focus:px-3 focus:py-2'
        }
      >
        {t('app.skip')}
      </a>
      <header className="border-b border-line bg-sunken">
        <div className="mx-auto flex max-w-[90rem] flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
          <Link
            href="/jobs"
            prefetch={false}
            className="font-semibold whitespace-nowrap text-ink no-underline"
          >
            {t('app.name')}
          </Link>
          {env().demo && (
            <span
              title={t('app.demoHint')}
              className="rounded bg-warn-wash px-1.5 text-[13px] font-medium whitespace-nowrap text-warn"
            >
              {t('app.demo')}
            </span>
          )}
          <nav aria-label={t('nav.label')} className="order-last -mx-1 basis-full">
            <NavLinks badges={badges} />
          </nav>
          <div className="ml-auto flex items-center gap-1">
            <PollingSelect />
            <Preferences />
            <ViewerMenu />
          </div>
        </div>
      </header>
      <main id="content" className="mx-auto max-w-[90rem] px-4 py-4">
        {children}
      </main>
    </>
  );
}
