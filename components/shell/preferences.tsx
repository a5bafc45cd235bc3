'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useLocale, useTimeZone, useTranslations } from 'next-intl';
import { type ReactNode, useSyncExternalStore } from 'react';
import { useLive } from '../live';
import { buttonClass } from '../ui/button';
import { DropDown } from '../ui/drop-down';
import { Icon } from '../ui/icon';

const LANGUAGES = [
  ['ja', '日本語'],
  ['en', 'English'],
] as const;
const ZONES = [
  ['UTC', 'UTC'],
  ['Asia/Tokyo', 'JST'],
] as const;

const never = () => () => undefined;

/**
 * Language, theme and time zone: links to this very page, so they work without JavaScript and keep it. In no
 * Suspense of its own: React sends the inside of one later, for a script to put in its place.
 */
export function Preferences() {
  const t = useTranslations('prefs');
  const locale = useLocale();
  const zone = useTimeZone();
  const { basePath } = useLive();
  const pathname = usePathname();
  const params = useSearchParams();
  // Known to the browser alone; null while the server renders.
  const browserZone = useSyncExternalStore(
    never,
    () => Intl.DateTimeFormat().resolvedOptions().timeZone,
    () => null,
  );
  const theme = useSyncExternalStore(
    never,
    () => document.documentElement.dataset.theme ?? 'auto',
    () => null,
  );
  const href = (name: string, value: string) => {
    const next = new URLSearchParams(params);
    next.delete('locale');
    next.set(name, value);
    return `${basePath}${pathname === '/' ? '/jobs' : pathname}?${next}`;
  };
  const choice = (name: string, value: string, label: string, current: boolean, lang?: string) => (
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
  const other = LANGUAGES.find(([code]) => code !== locale);
  return (
    <div className="flex items-center gap-1">
      {other && (
        <a
          href={href('_locale', other[0])}
          lang={other[0]}
          hrefLang={other[0]}
          className={buttonClass('quiet')}
        >
          {other[1]}
        </a>
      )}
      <DropDown summary={<Icon name="settings" />} label={t('label')} className="flex w-max gap-4">
        <Group title={t('theme')}>
          {(['auto', 'light', 'dark'] as const).map((name) =>
            choice('_theme', name, t(`themes.${name}`), theme === name),
          )}
        </Group>
        <Group title={t('timeZone')}>
          {ZONES.map(([name, label]) => choice('_time_zone', name, label, zone === name))}
          {browserZone &&
            !ZONES.some(([name]) => name === browserZone) &&
            choice(
              '_time_zone',
              browserZone,
              t('browserZone', { zone: browserZone }),
              zone === browserZone,
            )}
        </Group>
      </DropDown>
    </div>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <p className="px-2 pb-1 text-[13px] text-soft">{title}</p>
      <ul>{children}</ul>
    </div>
  );
}
