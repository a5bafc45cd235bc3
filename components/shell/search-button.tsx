'use client';

import { useTranslations } from 'next-intl';
import { openOverlay } from '../palette/keys';
import { Icon } from '../ui/icon';

/** Opens the palette. `shortcut` is its key on the viewer's system. */
export function SearchButton({ shortcut }: { shortcut: string }) {
  const t = useTranslations('nav');
  return (
    <button
      type="button"
      aria-haspopup="dialog"
      title={`${t('search')} (${shortcut})`}
      onClick={() => openOverlay('palette')}
      className="search-button js-only"
    >
      <Icon name="search" />
      <span className="nav-text">{t('search')}</span>
      <kbd className="rail-hidden kbd ml-auto">{shortcut}</kbd>
    </button>
  );
}
