'use client';

import { useSyncExternalStore } from 'react';
import type { NavPage } from '../shell/pages';
import { isMacAgent } from './platform';

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

/** The keys of a job list, by what they do. */
export const LIST_KEYS = [
  ['next', 'j'],
  ['previous', 'k'],
  ['preview', 'Space'],
  ['open', 'Enter'],
  ['select', 'x'],
  ['range', 'Shift x'],
  ['retry', 'r'],
  ['reschedule', 's'],
  ['discard', 'd'],
  ['copy', 'c'],
] as const;

const STORAGE_KEY = 'gjc_keys';
const CHANGE_EVENT = 'gjc-keys-changed';

function subscribe(onChange: () => void): () => void {
  window.addEventListener(CHANGE_EVENT, onChange);
  window.addEventListener('storage', onChange);
  return () => {
    window.removeEventListener(CHANGE_EVENT, onChange);
    window.removeEventListener('storage', onChange);
  };
}

/** Whether the viewer has left the single keys on (WCAG 2.1.4). */
const areKeysOn = (): boolean => localStorage.getItem(STORAGE_KEY) !== 'off';

/** Switches the single keys on or off; stored in the browser. */
export function setKeysOn(isOn: boolean): void {
  if (isOn) localStorage.removeItem(STORAGE_KEY);
  else localStorage.setItem(STORAGE_KEY, 'off');
  window.dispatchEvent(new Event(CHANGE_EVENT));
}

/** Whether single keys are on, as state of a component. */
export const useKeysOn = (): boolean => useSyncExternalStore(subscribe, areKeysOn, () => true);

const NO_KEYS =
  'input:not([type="checkbox"]), textarea, select, [contenteditable], [role="menu"], [role="listbox"]';

/**
 * Whether a key event may be a shortcut of one key: keys are on, and no modifier, input method,
 * field, menu or dialog claims it.
 */
export function isSingleKey(event: KeyboardEvent): boolean {
  const { target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  // 229: an IME handles the key, although isComposing may already be false.
  if (event.isComposing || event.keyCode === 229) return false;
  if (target instanceof Element && target.closest(NO_KEYS)) return false;
  return areKeysOn() && document.querySelector('dialog[open]') === null;
}

/** Whether this is the key that opens the palette: ⌘K on a Mac, else Ctrl-K. */
export function isPaletteKey(event: KeyboardEvent): boolean {
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
export function onOpenOverlay(onOpen: (overlay: Overlay) => void): () => void {
  const listener = (event: Event) => onOpen((event as CustomEvent<Overlay>).detail);
  window.addEventListener(OPEN_EVENT, listener);
  return () => window.removeEventListener(OPEN_EVENT, listener);
}
