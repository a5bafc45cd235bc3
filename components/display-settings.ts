'use client';

import { useCallback, useSyncExternalStore } from 'react';
import { PREFERENCES, isDensity, isTheme } from '@/lib/core/locale';
import { useApplication } from './application';
import { setPreferenceCookie } from './preference-cookie';

const CHANGE_EVENT = 'gjc-display-changed';
const SETTINGS = {
  theme: { isValid: isTheme, fallback: 'auto' },
  density: { isValid: isDensity, fallback: 'comfortable' },
} as const;
type Setting = keyof typeof SETTINGS;

/** Calls `onChange` when the viewer changes theme or density; returns the function to stop. */
export function subscribeToDisplay(onChange: () => void): () => void {
  window.addEventListener(CHANGE_EVENT, onChange);
  return () => window.removeEventListener(CHANGE_EVENT, onChange);
}

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
    subscribeToDisplay,
    () => document.documentElement.dataset[setting] ?? fallback,
    () => serverValue,
  );
  const change = useCallback(
    (next: string) => {
      if (!isValid(next)) return;
      document.documentElement.dataset[setting] = next;
      setPreferenceCookie(PREFERENCES[setting].cookie, next, basePath);
      window.dispatchEvent(new Event(CHANGE_EVENT));
    },
    [setting, isValid, basePath],
  );
  return [value, change];
}
