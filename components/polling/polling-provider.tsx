'use client';

import { useQueryClient } from '@tanstack/react-query';
import {
  type ReactNode,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { announceSetting, subscribeToSettings } from '../display-settings';
import { bypassCachedResponses } from '../requests';

/** Polling intervals in seconds that a viewer may choose; 0 is off. */
const CHOICES = [0, 2, 5, 10, 30] as const;
const DEFAULT_SECONDS = 5;
const STORAGE_KEY = 'gjc_live';
/** Time after the last scroll event at which scrolling counts as over. */
const SCROLL_END_MS = 1_000;

/** `meta` of a query whose data the list's poll fetches. */
export const WITH_LIST_META = { withList: true };

interface Polling {
  /** Pauses polling while something is open or selected; returns the function that resumes it. */
  pause(): () => void;
  /** Registers a polled part of the screen; returns the function that unregisters it. */
  registerPoll(): () => void;
  /** Refetches everything on the screen after an action of the viewer. */
  refresh(): void;
  /** When the data on the screen was current. */
  updates: UpdateTime;
  /**
   * Increases with every refresh(): a response to a later request replaces the list instead of
   * merging.
   */
  generation(): number;
}

interface UpdateTime {
  /** Epoch ms; 0 before the first response. */
  get(): number;
  set(at: number): void;
  subscribe(onChange: () => void): () => void;
}

/** A store instead of a state, because each response would render everything that polls. */
function createUpdateTime(): UpdateTime {
  let latest = 0;
  const listeners = new Set<() => void>();
  return {
    get: () => latest,
    set: (at) => {
      latest = at;
      listeners.forEach((listener) => listener());
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

interface PollingSettings {
  /** The viewer's setting, at least the server's minimum; 0 is off. */
  seconds: number;
  choices: number[];
  /** The interval of a viewer who has chosen none. */
  defaultSeconds: number;
  setSeconds(seconds: number): void;
  /** Polling interval, or false if polling is off, paused or hidden. */
  intervalMs: number | false;
  /** Whether a part of the screen is polled. */
  isPolled: boolean;
  /** Whether a selection, a menu or a dialog pauses polling. */
  isPaused: boolean;
}

// Two contexts: rows only need the first and must not render again whenever a menu opens.
const PollingContext = createContext<Polling | null>(null);
const SettingsContext = createContext<PollingSettings | null>(null);

function requireContext<T>(value: T | null): T {
  if (!value) throw new Error('This component needs a PollingProvider.');
  return value;
}
export const usePolling = (): Polling => requireContext(useContext(PollingContext));
export const usePollingSettings = (): PollingSettings =>
  requireContext(useContext(SettingsContext));

/** Pauses polling while `isActive` is true. */
export function usePausePolling(isActive: boolean): void {
  const { pause } = usePolling();
  useEffect(() => (isActive ? pause() : undefined), [isActive, pause]);
}

function setSeconds(seconds: number): void {
  localStorage.setItem(STORAGE_KEY, String(seconds));
  announceSetting();
}

function subscribeToVisibility(onChange: () => void): () => void {
  document.addEventListener('visibilitychange', onChange);
  return () => document.removeEventListener('visibilitychange', onChange);
}

/** Whether the page or a part of it is being scrolled. */
function useIsScrolling(): boolean {
  const [isScrolling, setScrolling] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onScroll = () => {
      clearTimeout(timer);
      setScrolling(true);
      timer = setTimeout(() => setScrolling(false), SCROLL_END_MS);
    };
    window.addEventListener('scroll', onScroll, { passive: true, capture: true });
    return () => {
      clearTimeout(timer);
      window.removeEventListener('scroll', onScroll, { capture: true });
    };
  }, []);
  return isScrolling;
}

/** Provides the polling interval: the viewer's setting, at least the server's `minSeconds`. */
export function PollingProvider({
  minSeconds,
  children,
}: {
  minSeconds: number;
  children: ReactNode;
}) {
  const client = useQueryClient();
  const stored = useSyncExternalStore(
    subscribeToSettings,
    () => localStorage.getItem(STORAGE_KEY),
    () => null,
  );
  const isHidden = useSyncExternalStore(
    subscribeToVisibility,
    () => document.hidden,
    () => false,
  );
  const isScrolling = useIsScrolling();
  const [pauses, setPauses] = useState(0);
  const [polls, setPolls] = useState(0);
  const refreshCount = useRef(0);
  const [updates] = useState(createUpdateTime);
  const pause = useCallback(() => {
    setPauses((n) => n + 1);
    return () => setPauses((n) => n - 1);
  }, []);
  const registerPoll = useCallback(() => {
    setPolls((n) => n + 1);
    return () => setPolls((n) => n - 1);
  }, []);
  const refresh = useCallback(() => {
    refreshCount.current += 1;
    bypassCachedResponses();
    void client.invalidateQueries({ predicate: ({ meta }) => meta !== WITH_LIST_META });
  }, [client]);
  const generation = useCallback(() => refreshCount.current, []);
  const choices = useMemo(
    () => [...new Set(CHOICES.map((n) => (n === 0 ? 0 : Math.max(n, minSeconds))))],
    [minSeconds],
  );
  const storedSeconds = stored === 'off' ? 0 : Number(stored ?? NaN);
  const defaultSeconds = Math.max(DEFAULT_SECONDS, minSeconds);
  const seconds = choices.includes(storedSeconds) ? storedSeconds : defaultSeconds;
  const intervalMs: number | false =
    seconds > 0 && pauses === 0 && !isHidden && !isScrolling ? seconds * 1000 : false;
  const polling = useMemo(
    () => ({ pause, registerPoll, refresh, generation, updates }),
    [pause, registerPoll, refresh, generation, updates],
  );
  const settings = useMemo(
    () => ({
      seconds,
      choices,
      defaultSeconds,
      setSeconds,
      intervalMs,
      isPolled: polls > 0,
      isPaused: pauses > 0,
    }),
    [seconds, choices, defaultSeconds, intervalMs, polls, pauses],
  );
  return (
    <PollingContext value={polling}>
      <SettingsContext value={settings}>{children}</SettingsContext>
    </PollingContext>
  );
}
