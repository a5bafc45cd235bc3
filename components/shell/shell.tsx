import { useTranslations } from 'next-intl';
import { type ReactNode, Suspense } from 'react';
import { CONSOLE_VERSION, env } from '@/lib/config/environment';
import { currentApplication } from '@/lib/context/request-context';
import { applicationName } from '@/lib/core/href';
import type { Badges } from '@/lib/navigation/counts';
import { Link } from '../link';
import { IconSprite } from '../ui/icon-sprite';
import { BottomBar } from './bottom-bar';
import { NavigationProgress } from './navigation-progress';
import { Preferences } from './preferences';
import { Sidebar } from './sidebar';
import { ViewerMenu } from './viewer-menu';

/** The frame of every page: navigation and settings, then the content. */
export function Shell({
  badges = null,
  children,
}: {
  badges?: Badges | null;
  children: ReactNode;
}) {
  const t = useTranslations();
  const foot = (
    <div className="flex flex-wrap items-center gap-1">
      <Preferences />
      <ViewerMenu />
      <span className="rail-hidden px-2 text-xs text-faint">
        {t('nav.version', { version: CONSOLE_VERSION })}
      </span>
    </div>
  );
  return (
    <>
      <IconSprite />
      <Suspense>
        <NavigationProgress />
      </Suspense>
      <a
        href="#content"
        className={
          'sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded ' +
          'focus:bg-raised focus:px-3 focus:py-2'
        }
      >
        {t('app.skip')}
      </a>
      <div className="frame">
        <Sidebar badges={badges} head={<Home />} foot={foot} />
        <main id="content" className="min-w-0 px-3 pb-6 md:px-5">
          {children}
        </main>
        <BottomBar badges={badges} foot={foot} />
      </div>
    </>
  );
}

/** The application and its environment, which lead to the overview. */
function Home() {
  const t = useTranslations('app');
  const application = currentApplication();
  return (
    <>
      <Link
        href="/"
        prefetch={false}
        data-color={application.color}
        className="flex min-h-8 items-center gap-2.5 px-2 font-semibold text-ink no-underline"
      >
        <span aria-hidden="true" className="size-3 shrink-0 rounded-xs bg-(--environment)" />
        <span className="rail-hidden min-w-0 any-break">
          {applicationName(application) ?? t('name')}
        </span>
      </Link>
      {env().demo && (
        <span
          title={t('demoHint')}
          className="pill rail-hidden mx-2 my-1 self-start bg-warn-wash text-warn"
        >
          {t('demo')}
        </span>
      )}
    </>
  );
}
