'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useEffect, useEffectEvent, useRef, useState } from 'react';
import { useDisplaySetting } from '../display-settings';
import { useNavigate } from '../navigation';
import { usePollingSettings } from '../polling/polling-provider';
import { pagePath } from '../shell/pages';
import { useToasts } from '../toasts';
import { lazyScript } from '../ui/lazy-script';
import { GO_KEYS, isPaletteKey, isSingleKey, onOpenOverlay } from './keys';

const loadOverlays = () => import('./overlays');
const Overlays = lazyScript(loadOverlays);

/** After `g` the next key within this time goes to a page. */
const GO_MS = 1_500;

/** Handles the keys of all pages and renders the palette and the sheet of keys. */
export function Keyboard() {
  const navigate = useNavigate();
  const toggleTheme = useToggleTheme();
  const toggleLive = useToggleLive();
  const [overlay, setOverlay] = useState<'palette' | 'keys' | null>(null);
  const goAt = useRef(-Infinity);
  const onSingleKey = (event: KeyboardEvent) => {
    const isGo = event.timeStamp - goAt.current < GO_MS;
    goAt.current = -Infinity;
    const page = isGo && Object.hasOwn(GO_KEYS, event.key) && GO_KEYS[event.key as 'o'];
    if (page) navigate(pagePath(page));
    else if (event.key === 'g') goAt.current = event.timeStamp;
    else if (event.key === '/') focusSearch(() => setOverlay('palette'));
    else if (event.key === '?') setOverlay('keys');
    else if (event.key === 't') toggleTheme();
    else if (event.key === 'l') toggleLive();
    else return;
    event.preventDefault();
  };
  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    if (isPaletteKey(event)) {
      // Another dialog keeps the focus and its input.
      if (overlay === null && document.querySelector('dialog[open]')) return;
      event.preventDefault();
      setOverlay(overlay === 'palette' ? null : 'palette');
    } else if (isSingleKey(event)) onSingleKey(event);
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKeyDown(event);
    window.addEventListener('keydown', listener);
    return () => window.removeEventListener('keydown', listener);
  }, []);
  useEffect(() => onOpenOverlay(setOverlay), []);
  return (
    overlay && (
      <Suspense>
        <Overlays
          overlay={overlay}
          onShow={setOverlay}
          onToggleLive={toggleLive}
          onClose={() => setOverlay(null)}
        />
      </Suspense>
    )
  );
}

/** Focuses the search box of the page. */
function focusSearch(onMissing: () => void): void {
  const boxes = document.querySelectorAll<HTMLInputElement>('main [role="search"] input');
  const box = [...boxes].find((input) => input.type !== 'hidden' && input.checkVisibility());
  if (!box) return onMissing();
  box.focus();
  box.select();
}

function useToggleTheme(): () => void {
  const [theme, setTheme] = useDisplaySetting('theme', 'auto');
  return () => {
    const isDark =
      theme === 'dark' ||
      (theme === 'auto' && window.matchMedia('(prefers-color-scheme: dark)').matches);
    setTheme(isDark ? 'light' : 'dark');
  };
}

function useToggleLive(): () => void {
  const t = useTranslations('polling');
  const { seconds, choices, setSeconds, defaultSeconds } = usePollingSettings();
  const { show } = useToasts();
  return () => {
    const next = seconds > 0 ? 0 : defaultSeconds;
    if (!choices.includes(next)) return;
    setSeconds(next);
    show({ text: next > 0 ? t('on', { seconds: next }) : t('off') });
  };
}
