import { headers } from 'next/headers';
import { getTranslations } from 'next-intl/server';
import type { ReactNode } from 'react';
import { decodeViewer, VIEWER_HEADER } from '@/lib/auth/roles';
import { CONSOLE_VERSION, env } from '@/lib/config/environment';
import { currentApplication } from '@/lib/context/request-context';
import { parseZoneSource, PREFERENCES, ZONE_SOURCE_HEADER } from '@/lib/core/locale';
import { escapeBidi } from '@/lib/core/text';
import { applicationName } from '@/lib/core/urls';
import type { Badges } from '@/lib/navigation/queries';
import { EnvironmentName } from '../application';
import { Link } from '../navigation';
import { Keyboard, SearchButton } from '../palette/keyboard';
import { PageActionsProvider } from '../palette/page-actions';
import { isMacAgent } from '../palette/platform';
import { buttonClass } from '../ui/button';
import { Panel } from '../ui/floating';
import { Icon } from '../ui/icon';
import { IconSprite } from '../ui/icon-sprite';
import { BottomBar, Sidebar } from './nav';
import { NavigationProgress } from './navigation-progress';
import { Preferences } from './preferences';

/** The frame of every page: navigation and settings, then the content. */
export async function Shell({
  badges = null,
  children,
}: {
  badges?: Badges | null;
  children: ReactNode;
}) {
  const [t, request] = await Promise.all([getTranslations(), headers()]);
  const settings = {
    zoneSource: parseZoneSource(request.get(ZONE_SOURCE_HEADER)),
    theme: request.get(PREFERENCES.theme.header) ?? 'auto',
    density: request.get(PREFERENCES.density.header) ?? 'comfortable',
  };
  const search = (
    <SearchButton shortcut={isMacAgent(request.get('user-agent') ?? '') ? '⌘K' : 'Ctrl K'} />
  );
  const foot = (
    <div className="frame-foot">
      <ViewerMenu />
      <div className="frame-settings">
        <Preferences settings={settings} />
      </div>
      <span className="rail-hidden px-2 text-xs text-faint">
        {t('nav.version', { version: CONSOLE_VERSION })}
      </span>
    </div>
  );
  return (
    <PageActionsProvider>
      <IconSprite />
      <NavigationProgress />
      <Keyboard />
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
        <Sidebar badges={badges} head={<Home />} search={search} foot={foot} />
        <main id="content" className="min-w-0 px-3 pb-6 md:px-5">
          <div className="pt-2 md:hidden">
            <EnvironmentName />
          </div>
          {children}
        </main>
        <BottomBar badges={badges} search={search} foot={foot} />
      </div>
    </PageActionsProvider>
  );
}

/** The application and its environment, which lead to the overview. */
async function Home() {
  const t = await getTranslations('app');
  const application = currentApplication();
  return (
    <>
      <Link
        href="/"
        prefetch={false}
        data-color={application.color}
        title={applicationName(application) ?? t('name')}
        className="flex min-h-8 items-center gap-2.5 px-2 font-semibold text-ink no-underline"
      >
        <span aria-hidden="true" className="environment-mark mx-0.5" />
        <span className="rail-text line-clamp-2 min-w-0 any-break">
          {applicationName(application) ?? t('name')}
        </span>
      </Link>
      {env().demo && (
        <span
          title={t('demoHint')}
          className="rail-hidden pill mx-2 my-1 self-start bg-warn-wash text-warn"
        >
          {t('demo')}
        </span>
      )}
    </>
  );
}

/** The viewer and their role, with a sign-out button if the console handles the sign-in. */
async function ViewerMenu() {
  const { auth } = env();
  const viewer = decodeViewer((await headers()).get(VIEWER_HEADER));
  if (auth.mode === 'none' || !viewer) return null;
  const t = await getTranslations('app');
  const role = t(`roles.${viewer.role}`);
  return (
    <Panel
      className="w-72 p-3"
      placement="top-start"
      buttonClassName={`${buttonClass('quiet')} viewer-button`}
      button={
        <>
          <span className="sr-only">{t('signedInAs')} </span>
          <Icon name="viewer" />
          <span className="rail-text min-w-0 truncate">{escapeBidi(viewer.id)}</span>
          <span className="rail-text ml-auto shrink-0 text-xs text-faint">{role}</span>
        </>
      }
    >
      <p className="text-xs text-soft">{t('signedInAs')}</p>
      <p className="font-medium break-all">{escapeBidi(viewer.id)}</p>
      <p className="mt-2 font-medium">{role}</p>
      <p>{t(`roleMeans.${viewer.role}`)}</p>
      {auth.mode === 'oidc' && (
        <form method="post" action={`${env().basePath}/auth/sign-out`} className="mt-3">
          <button className={buttonClass()}>{t('signOut')}</button>
        </form>
      )}
    </Panel>
  );
}
