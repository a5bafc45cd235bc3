'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useLocale, useTimeZone, useTranslations } from 'next-intl';
import { type ReactNode, useSyncExternalStore } from 'react';
import { useHref } from '../application';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { Panel } from '../ui/panel';

const LANGUAGES = [
  ['ja', '日本語'],
  ['en', 'English'],
] as const;
const ZONES = [
  ['UTC', 'UTC'],
  ['Asia/Tokyo', 'JST'],
] as const;

const subscribeToNothing = () => () => undefined;

/**
 * Language, theme and time zone, as links to the current page that work without JavaScript. It
 * needs to stay outside of Suspense, whose content React inserts by a script.
 */
export function Preferences() {
  const t = useTranslations('prefs');
  const locale = useLocale();
  const zone = useTimeZone();
  const url = useHref();
  const pathname = usePathname();
  const params = useSearchParams();
  // Only the browser knows its zone; null during server rendering.
  const browserZone = useSyncExternalStore(
    subscribeToNothing,
    () => Intl.DateTimeFormat().resolvedOptions().timeZone,
    () => null,
  );
  const theme = useSyncExternalStore(
    subscribeToNothing,
    () => document.documentElement.dataset.theme ?? 'auto',
    () => null,
  );
  const href = (name: string, value: string) => {
    const next = new URLSearchParams(params);
    next.delete('locale');
    next.set(name, value);
    return url(`${pathname}?${next}`);
  };
  const renderChoice = (
    name: string,
    value: string,
    label: string,
    current: boolean,
    lang?: string,
  ) => (
    <li key={value}>
      <a
        href={href(name, value)}
        lang={lang}
        aria-current={current ? 'true' : undefined}
        className="choice"
      >
        {label}
      </a>
    </li>
  );
  const otherLanguage = LANGUAGES.find(([code]) => code !== locale);
  return (
    <div className="flex items-center gap-1">
      {otherLanguage && (
        <a
          href={href('_locale', otherLanguage[0])}
          lang={otherLanguage[0]}
          hrefLang={otherLanguage[0]}
          className={buttonClass('quiet')}
        >
          {otherLanguage[1]}
        </a>
      )}
      <Panel
        button={<Icon name="settings" />}
        label={t('label')}
        placement="top-start"
        className="p-3"
      >
        <div className="flex w-max gap-4">
          <Group title={t('theme')}>
            {(['auto', 'light', 'dark'] as const).map((name) =>
              renderChoice('_theme', name, t(`themes.${name}`), theme === name),
            )}
          </Group>
          <Group title={t('timeZone')}>
            {ZONES.map(([name, label]) => renderChoice('_time_zone', name, label, zone === name))}
            {browserZone &&
              !ZONES.some(([name]) => name === browserZone) &&
              renderChoice(
                '_time_zone',
                browserZone,
                t('browserZone', { zone: browserZone }),
                zone === browserZone,
              )}
          </Group>
        </div>
      </Panel>
    </div>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <p className="px-2 pb-1 text-sm text-soft">{title}</p>
      <ul>{children}</ul>
    </div>
  );
}
