'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useEffect, useEffectEvent, useRef, useState, useSyncExternalStore } from 'react';
import { announceSetting, subscribeToSettings, useDisplaySetting } from '../display-settings';
import { useNavigate } from '../navigation';
import { usePollingSettings } from '../polling/polling-provider';
import { type NavPage, pagePath } from '../shell/nav';
import { useToasts } from '../toasts';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { isMacAgent } from './platform';

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

/** The keys that go to a page after `g`. */
export const GO_KEYS = {
  o: 'overview',
  a: 'attention',
  j: 'jobs',
  b: 'batches',
  c: 'cron_entries',
  q: 'queues',
  p: 'processes',
  f: 'cleaner',
} as const satisfies Record<string, NavPage>;

const STORAGE_KEY = 'gjc_keys';
/** Whether the viewer has left the single keys on (WCAG 2.1.4). */
const areKeysOn = (): boolean => localStorage.getItem(STORAGE_KEY) !== 'off';

/** Switches the single keys on or off; stored in the browser. */
export function setKeysOn(isOn: boolean): void {
  if (isOn) localStorage.removeItem(STORAGE_KEY);
  else localStorage.setItem(STORAGE_KEY, 'off');
  announceSetting();
}

/** Whether single keys are on, as state of a component. */
export const useKeysOn = (): boolean =>
  useSyncExternalStore(subscribeToSettings, areKeysOn, () => true);

const NO_KEYS =
  'input:not([type="checkbox"]), textarea, select, [contenteditable], [role="menu"], [role="listbox"]';

/**
 * Whether a key event may be a shortcut of one key: keys are on, and no modifier, input method,
 * field, menu or dialog claims it.
 */
function isSingleKey(event: KeyboardEvent): boolean {
  const { target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  // 229: an IME handles the key, although isComposing may already be false.
  if (event.isComposing || event.keyCode === 229) return false;
  if (target instanceof Element && target.closest(NO_KEYS)) return false;
  return areKeysOn() && document.querySelector('dialog[open]') === null;
}

/** Whether this is the key that opens the palette: ⌘K on a Mac, else Ctrl-K. */
function isPaletteKey(event: KeyboardEvent): boolean {
  const isMac = isMacAgent(navigator.userAgent);
  const hasModifier = isMac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  return hasModifier && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k';
}

const OPEN_EVENT = 'gjc-open';
type Overlay = 'palette' | 'keys';

/** Opens the palette or the sheet of keys. */
export const openOverlay = (overlay: Overlay): boolean =>
  window.dispatchEvent(new CustomEvent(OPEN_EVENT, { detail: overlay }));

/** Calls `onOpen` for each `openOverlay`; returns the function to stop. */
function onOpenOverlay(onOpen: (overlay: Overlay) => void): () => void {
  const listener = (event: Event) => onOpen((event as CustomEvent<Overlay>).detail);
  window.addEventListener(OPEN_EVENT, listener);
  return () => window.removeEventListener(OPEN_EVENT, listener);
}

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
