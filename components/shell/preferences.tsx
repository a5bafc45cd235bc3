'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useLocale, useNow, useTimeZone, useTranslations } from 'next-intl';
import { type MouseEvent, type ReactNode, useSyncExternalStore } from 'react';
import type { ZoneSource } from '@/lib/core/locale';
import { useHref } from '../application';
import { useDisplaySetting } from '../display-settings';
import { browserZone } from '../i18n/client-messages';
import { openOverlay, setKeysOn, useKeysOn } from '../palette/keyboard';
import { zoneName } from '../time';
import { buttonClass } from '../ui/button';
import { Panel } from '../ui/floating';
import { Icon } from '../ui/icon';

const LANGUAGES = { ja: '日本語', en: 'English' } as const;
const ZONES = ['UTC', 'Asia/Tokyo'];

/** The viewer's settings as the server has read them from the cookies. */
interface ServerSettings {
  zoneSource: ZoneSource;
  theme: string;
  density: string;
}

const subscribeToNothing = () => () => undefined;

/** Returns the URL of the current page that sets a preference, which works without JavaScript. */
function usePreferenceHref(): (name: string, value: string) => string {
  const url = useHref();
  const pathname = usePathname();
  const params = useSearchParams();
  return (name, value) => {
    const next = new URLSearchParams(params);
    next.delete('locale');
    next.set(name, value);
    return url(`${pathname}?${next}`);
  };
}

/**
 * Time zone, language, theme and density, and the help about keys. It needs to stay outside of
 * Suspense, whose content React inserts by a script.
 */
export function Preferences({ settings }: { settings: ServerSettings }) {
  const t = useTranslations('prefs');
  const locale = useLocale();
  const href = usePreferenceHref();
  const other = locale === 'ja' ? 'en' : 'ja';
  return (
    <>
      <ZonePanel source={settings.zoneSource} />
      <a
        href={href('_locale', other)}
        lang={other}
        hrefLang={other}
        title={LANGUAGES[other]}
        className={`${buttonClass('quiet')} px-2`}
      >
        <Icon name="language" />
        <span className="rail-text">{LANGUAGES[other]}</span>
      </a>
      <Panel
        button={<Icon name="theme" />}
        label={t('label')}
        placement="top-start"
        className="p-3"
        buttonClassName={`${buttonClass('quiet')} px-2`}
      >
        <DisplaySettings settings={settings} />
      </Panel>
      <button
        type="button"
        aria-label={t('keysHelp')}
        title={t('keysHelp')}
        aria-haspopup="dialog"
        onClick={() => openOverlay('keys')}
        className={`js-only ${buttonClass('quiet')} px-2`}
      >
        <Icon name="help" />
      </button>
    </>
  );
}

function ZonePanel({ source }: { source: ZoneSource }) {
  const t = useTranslations('prefs');
  const zone = useTimeZone() ?? 'UTC';
  const now = useNow();
  const href = usePreferenceHref();
  // Only the browser knows its zone; null during server rendering.
  const ownZone = useSyncExternalStore(subscribeToNothing, browserZone, () => null);
  const choices = [...new Set([...ZONES, ...(ownZone ? [ownZone] : []), zone])];
  const label = (name: string) => {
    const short = zoneName(name, now);
    return short === name ? name : `${short} – ${name}`;
  };
  return (
    <Panel
      button={zoneName(zone, now)}
      name={t('zoneButton', { zone: zoneName(zone, now) })}
      label={t('timeZone')}
      placement="top-start"
      className="p-3"
      buttonClassName={`${buttonClass('quiet')} px-2`}
    >
      <Group title={t('timeZone')}>
        <Choice href={href('_time_zone', 'auto')} isCurrent={source !== 'choice'}>
          {t(source === 'configuration' ? 'configuredZone' : 'automaticZone')}
        </Choice>
        {choices.map((name) => (
          <Choice
            key={name}
            href={href('_time_zone', name)}
            isCurrent={source === 'choice' && name === zone}
          >
            {name === ownZone ? t('browserZone', { zone: label(name) }) : label(name)}
          </Choice>
        ))}
      </Group>
    </Panel>
  );
}

function DisplaySettings({ settings }: { settings: ServerSettings }) {
  const t = useTranslations('prefs');
  const href = usePreferenceHref();
  const [theme, setTheme] = useDisplaySetting('theme', settings.theme);
  const [density, setDensity] = useDisplaySetting('density', settings.density);
  const isOn = useKeysOn();
  return (
    <div className="flex w-max max-w-full flex-col gap-3">
      <Group title={t('theme')}>
        {(['auto', 'light', 'dark'] as const).map((name) => (
          <Choice
            key={name}
            href={href('_theme', name)}
            isCurrent={theme === name}
            onChoose={() => setTheme(name)}
          >
            {t(`themes.${name}`)}
          </Choice>
        ))}
      </Group>
      <Group title={t('density')}>
        {(['comfortable', 'compact'] as const).map((name) => (
          <Choice
            key={name}
            href={href('_density', name)}
            isCurrent={density === name}
            onChoose={() => setDensity(name)}
          >
            {t(`densities.${name}`)}
          </Choice>
        ))}
      </Group>
      <label className="js-only flex items-center gap-2 border-t border-line px-2 pt-3">
        <input
          type="checkbox"
          checked={isOn}
          onChange={({ target }) => setKeysOn(target.checked)}
        />
        {t('keys')}
      </label>
    </div>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <p className="px-2 pb-1 text-xs text-soft">{title}</p>
      <ul>{children}</ul>
    </div>
  );
}

/** A link that sets a preference; `onChoose` sets it without loading the page. */
function Choice({
  href,
  isCurrent,
  onChoose,
  children,
}: {
  href: string;
  isCurrent: boolean;
  onChoose?: () => void;
  children: ReactNode;
}) {
  const onClick = (event: MouseEvent) => {
    if (!onChoose || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    onChoose();
  };
  return (
    <li>
      <a
        href={href}
        aria-current={isCurrent ? 'true' : undefined}
        onClick={onClick}
        className="choice"
      >
        {children}
      </a>
    </li>
  );
}
