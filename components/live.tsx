'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, createContext, useCallback, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { buttonClass } from './ui/button';

/** Seconds between two refreshes of what is on the screen. */
export const LIVE_SECONDS = 5;
const STORED = 'gjc_live';

interface Live {
  basePath: string;
  enabled: boolean;
  setEnabled(on: boolean): void;
  /** Something is open that must not be disturbed; call the returned function when it closes. */
  hold(): () => void;
  /** ms until the next refresh, or false: off, held or hidden. */
  interval: number | false;
}

const LiveContext = createContext<Live | null>(null);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error('useLive needs a LiveProvider.');
  return live;
}

/** Holds the refreshing still while `open` is true. */
export function useHold(open: boolean): void {
  const { hold } = useLive();
  useEffect(() => (open ? hold() : undefined), [open, hold]);
}

const CHANGED = 'gjc-live-changed';

function subscribe(onChange: () => void): () => void {
  window.addEventListener(CHANGED, onChange);
  window.addEventListener('storage', onChange);
  return () => {
    window.removeEventListener(CHANGED, onChange);
    window.removeEventListener('storage', onChange);
  };
}

function setEnabled(on: boolean): void {
  localStorage.setItem(STORED, on ? 'on' : 'off');
  window.dispatchEvent(new Event(CHANGED));
}

/** Whether lists refresh by themselves: the viewer's setting, and paused while a menu or dialog is open. */
export function LiveProvider({ basePath, children }: { basePath: string; children: ReactNode }) {
  const enabled = useSyncExternalStore(subscribe, () => localStorage.getItem(STORED) !== 'off', () => true);
  const [holds, setHolds] = useState(0);
  const hold = useCallback(() => {
    setHolds((n) => n + 1);
    return () => setHolds((n) => n - 1);
  }, []);
  const interval: number | false = enabled && holds === 0 ? LIVE_SECONDS * 1000 : false;
  const value = useMemo(() => ({ basePath, enabled, setEnabled, hold, interval }), [basePath, enabled, hold, interval]);
  return <LiveContext value={value}>{children}</LiveContext>;
}

/** The switch in the header. */
export function LiveToggle() {
  const t = useTranslations('live');
  const { enabled, setEnabled } = useLive();
  return (
    <button type="button" aria-pressed={enabled} title={t(enabled ? 'on' : 'off', { seconds: LIVE_SECONDS })} onClick={() => setEnabled(!enabled)} className={`${buttonClass('quiet')} js-only`}>
      <span aria-hidden="true" className={`size-2 rounded-full ${enabled ? 'bg-succeeded' : 'bg-line-strong'}`} />
      {t('label')}
    </button>
  );
}
