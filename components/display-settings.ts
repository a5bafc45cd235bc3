'use client';

import { useCallback, useSyncExternalStore } from 'react';
import { isDensity, isTheme, PREFERENCES } from '@/lib/core/locale';
import { useApplication } from './application';

const CHANGE_EVENT = 'gjc-setting-changed';
const SETTINGS = {
  theme: { isValid: isTheme, fallback: 'auto' },
  density: { isValid: isDensity, fallback: 'comfortable' },
} as const;
type Setting = keyof typeof SETTINGS;

/** Calls `onChange` when the viewer changes a setting, in any tab; returns the function to stop. */
export function subscribeToSettings(onChange: () => void): () => void {
  window.addEventListener(CHANGE_EVENT, onChange);
  window.addEventListener('storage', onChange);
  return () => {
    window.removeEventListener(CHANGE_EVENT, onChange);
    window.removeEventListener('storage', onChange);
  };
}

/** Tells the subscribers of this tab that a setting has changed. */
export const announceSetting = (): boolean => window.dispatchEvent(new Event(CHANGE_EVENT));

/**
 * Returns the theme (`auto`, `light`, `dark`) or the density (`comfortable`, `compact`) of the page
 * and a function that changes it at once. `serverValue` is the value of the first paint.
 */
export function useDisplaySetting(
  setting: Setting,
  serverValue: string,
): readonly [string, (value: string) => void] {
  const { basePath } = useApplication();
  const { isValid, fallback } = SETTINGS[setting];
  const value = useSyncExternalStore(
    subscribeToSettings,
    () => document.documentElement.dataset[setting] ?? fallback,
    () => serverValue,
  );
  const change = useCallback(
    (next: string) => {
      if (!isValid(next)) return;
      document.documentElement.dataset[setting] = next;
      setPreferenceCookie(PREFERENCES[setting].cookie, next, basePath);
      announceSetting();
    },
    [setting, isValid, basePath],
  );
  return [value, change];
}

const YEAR_SECONDS = 31_536_000;

/** Stores a preference that the server reads with the next request; null deletes it. */
export function setPreferenceCookie(name: string, value: string | null, basePath: string): void {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  const path = basePath || '/';
  const maxAge = value === null ? 0 : YEAR_SECONDS;
  const attributes = `Path=${path}; Max-Age=${maxAge}; SameSite=Lax${secure}`;
  document.cookie = `${name}=${encodeURIComponent(value ?? '')}; ${attributes}`;
}
