'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, useId } from 'react';
import { usePausePolling } from '../polling/polling-provider';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { GO_KEYS, LIST_KEYS, setKeysOn, useKeysOn } from './keys';
import { isMacAgent } from './platform';

/** All keys, and the switch that turns the single ones off. */
export function KeySheet({ onClose }: { onClose: () => void }) {
  const t = useTranslations('keys');
  const nav = useTranslations('nav');
  const common = useTranslations('common');
  const heading = useId();
  const isOn = useKeysOn();
  usePausePolling(true);
  const isMac = isMacAgent(navigator.userAgent);
  return (
    <Dialog labelledBy={heading} onClose={onClose} className="w-[min(46rem,calc(100vw-2rem))] p-5">
      <div className="flex items-start justify-between gap-4">
        <h2 id={heading} className="text-lg font-semibold">
          {t('title')}
        </h2>
        <Button kind="quiet" onClick={onClose} data-focus-first="">
          {common('dismiss')}
        </Button>
      </div>
      <label className="mt-1 flex items-center gap-2">
        <input
          type="checkbox"
          checked={isOn}
          onChange={({ target }) => setKeysOn(target.checked)}
        />
        {t('switch')}
      </label>
      <p className="text-soft">{t('switchHint')}</p>
      <div className="mt-4 flex flex-col gap-4 sm:grid sm:grid-cols-2 sm:items-start sm:gap-x-8">
        <div className="flex flex-col gap-4">
          <Group title={t('general')}>
            <Row keys={[isMac ? '⌘' : 'Ctrl', 'K']} text={t('palette')} />
            <Row keys={['/']} text={t('search')} />
            <Row keys={['?']} text={t('sheet')} />
            <Row keys={['t']} text={t('theme')} />
            <Row keys={['l']} text={t('live')} />
          </Group>
          <Group title={t('go')} hint={t('hint')}>
            {Object.entries(GO_KEYS).map(([key, page]) => (
              <Row key={page} keys={['g', key]} text={nav(page)} />
            ))}
          </Group>
        </div>
        <Group title={t('list')}>
          {LIST_KEYS.map(([name, key]) => (
            <Row key={name} keys={[key]} text={t(`listKeys.${name}`)} />
          ))}
        </Group>
      </div>
    </Dialog>
  );
}

function Group({ title, hint, children }: { title: string; hint?: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-1 card-title">{title}</h3>
      <dl>{children}</dl>
      {hint && <p className="mt-1 text-soft">{hint}</p>}
    </section>
  );
}

function Row({ keys, text }: { keys: string[]; text: string }) {
  return (
    <div className="flex min-h-7 items-center justify-between gap-4 border-t border-line py-0.5">
      <dt>{text}</dt>
      <dd className="flex gap-1">
        {keys.map((key) => (
          <kbd key={key} className="kbd">
            {key}
          </kbd>
        ))}
      </dd>
    </div>
  );
}
