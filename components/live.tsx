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
import { markChanged } from './fetch-json';

/** Seconds between two refreshes that a viewer may choose; 0 is off. */
const CHOICES = [0, 2, 5, 10, 30] as const;
const DEFAULT_SECONDS = 5;
const STORED = 'gjc_live';
/** How long after the last movement a page counts as being scrolled, ms. */
const SCROLL_END = 1_000;

/** `meta` of a query whose answers come with those of the page's list. */
export const WITH_LIST = { withList: true };

interface Live {
  basePath: string;
  /** Something is open or chosen that must not be disturbed; call the returned function when that ends. */
  hold(): () => void;
  /** Something on the screen is polled; call the returned function when that ends. */
  poll(): () => void;
  /** The viewer has changed something: everything on the screen is asked for again, and shown as it then is. */
  refresh(): void;
  /** Grows with every refresh(): an answer asked for since is shown as it is, not merged into what stands there. */
  generation(): number;
}

interface PollingPace {
  /** The viewer's own setting, not below the server's floor; 0: off. */
  seconds: number;
  choices: number[];
  setSeconds(seconds: number): void;
  /** ms until the next refresh, or false: off, held or hidden. */
  interval: number | false;
  /** Something on the screen is polled. */
  isPolled: boolean;
  /** A selection, a menu or a dialog holds the refresh. */
  isHeld: boolean;
}

// Two contexts: rows need the first alone, and must not render again whenever a menu opens.
const LiveContext = createContext<Live | null>(null);
const PaceContext = createContext<PollingPace | null>(null);

function required<T>(value: T | null): T {
  if (!value) throw new Error('This needs a LiveProvider.');
  return value;
}
export const useLive = (): Live => required(useContext(LiveContext));
export const usePace = (): PollingPace => required(useContext(PaceContext));

/** Holds the refreshing still while `open` is true. */
export function usePausePolling(open: boolean): void {
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

function setSeconds(seconds: number): void {
  localStorage.setItem(STORED, String(seconds));
  window.dispatchEvent(new Event(CHANGED));
}

function subscribeToVisibility(onChange: () => void): () => void {
  document.addEventListener('visibilitychange', onChange);
  return () => document.removeEventListener('visibilitychange', onChange);
}

/** True from the first movement of a scroll until it has come to rest. */
function useScrolling(): boolean {
  const [scrolling, setScrolling] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onScroll = () => {
      clearTimeout(timer);
      setScrolling(true);
      timer = setTimeout(() => setScrolling(false), SCROLL_END);
    };
    window.addEventListener('scroll', onScroll, { passive: true, capture: true });
    return () => {
      clearTimeout(timer);
      window.removeEventListener('scroll', onScroll, { capture: true });
    };
  }, []);
  return scrolling;
}

/** How often what is on the screen refreshes: the viewer's setting, and when it rests. `floor`: seconds, the server's. */
export function LiveProvider({
  basePath,
  floor,
  children,
}: {
  basePath: string;
  floor: number;
  children: ReactNode;
}) {
  const client = useQueryClient();
  const stored = useSyncExternalStore(
    subscribe,
    () => localStorage.getItem(STORED),
    () => null,
  );
  const hidden = useSyncExternalStore(
    subscribeToVisibility,
    () => document.hidden,
    () => false,
  );
  const scrolling = useScrolling();
  const [holds, setHolds] = useState(0);
  const [polls, setPolls] = useState(0);
  const refreshed = useRef(0);
  const hold = useCallback(() => {
    setHolds((n) => n + 1);
    return () => setHolds((n) => n - 1);
  }, []);
  const poll = useCallback(() => {
    setPolls((n) => n + 1);
    return () => setPolls((n) => n - 1);
  }, []);
  const refresh = useCallback(() => {
    refreshed.current += 1;
    markChanged();
    void client.invalidateQueries({ predicate: ({ meta }) => meta !== WITH_LIST });
  }, [client]);
  const generation = useCallback(() => refreshed.current, []);
  const choices = useMemo(
    () => [...new Set(CHOICES.map((n) => (n === 0 ? 0 : Math.max(n, floor))))],
    [floor],
  );
  const chosen = stored === 'off' ? 0 : Number(stored ?? NaN);
  const seconds = choices.includes(chosen) ? chosen : Math.max(DEFAULT_SECONDS, floor);
  const interval: number | false =
    seconds > 0 && holds === 0 && !hidden && !scrolling ? seconds * 1000 : false;
  const live = useMemo(
    () => ({ basePath, hold, poll, refresh, generation }),
    [basePath, hold, poll, refresh, generation],
  );
  const pace = useMemo(
    () => ({
      seconds,
      choices,
      setSeconds,
      interval,
      isPolled: polls > 0,
      isHeld: holds > 0,
    }),
    [seconds, choices, interval, polls, holds],
  );
  return (
    <LiveContext value={live}>
      <PaceContext value={pace}>{children}</PaceContext>
    </LiveContext>
  );
}
