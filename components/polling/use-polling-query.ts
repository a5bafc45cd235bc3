import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { useHref } from '../application';
import { fetchJson } from '../requests';
import { usePolling, usePollingSettings } from './polling-provider';

/** Whether an element is on the screen; true until the browser reports otherwise. */
export function useOnScreen(ref: RefObject<HTMLElement | null>): boolean {
  const [onScreen, setOnScreen] = useState(true);
  useEffect(() => {
    if (!ref.current) return;
    const observer = new IntersectionObserver((entries) =>
      setOnScreen(entries.at(-1)?.isIntersecting ?? true),
    );
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ref]);
  return onScreen;
}

/** A response that takes longer than this share of the interval indicates a loaded database. */
const SLOW_SHARE = 0.5;
const MAX_SLOW_FACTOR = 16;
/** Lower, because a failed request costs little and a recovery should be visible soon. */
const MAX_FAILED_FACTOR = 4;

interface Options<T> {
  key: readonly unknown[];
  fetch: (signal: AbortSignal) => Promise<T>;
  initial?: T;
  /** False stops polling, for example while the element is off the screen. */
  enabled?: boolean | ((data: T | undefined) => boolean);
}

/**
 * A query that polls at the viewer's interval while it is enabled. A slow or failed response
 * doubles the interval up to MAX_SLOW_FACTOR or MAX_FAILED_FACTOR, a fast one halves it again.
 */
export function usePollingQuery<T>({
  key,
  fetch,
  initial,
  enabled = true,
}: Options<T>): UseQueryResult<T> {
  const { intervalMs } = usePollingSettings();
  const { registerPoll, updates } = usePolling();
  const factor = useRef(1);
  const timedFetch = async (signal: AbortSignal) => {
    const startedAt = performance.now();
    let nextFactor = Math.max(factor.current, Math.min(factor.current * 2, MAX_FAILED_FACTOR));
    try {
      const value = await fetch(signal);
      const isSlow =
        intervalMs !== false && performance.now() - startedAt > intervalMs * SLOW_SHARE;
      nextFactor = isSlow
        ? Math.min(factor.current * 2, MAX_SLOW_FACTOR)
        : Math.max(1, factor.current / 2);
      return value;
    } finally {
      if (!signal.aborted) factor.current = nextFactor;
    }
  };
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => timedFetch(signal),
    initialData: initial as T extends () => unknown ? never : T,
    staleTime: 1000,
    // The next poll is the retry.
    retry: false,
    refetchInterval: ({ state }) =>
      intervalMs !== false && (typeof enabled === 'function' ? enabled(state.data) : enabled)
        ? intervalMs * factor.current
        : false,
  });
  // An element off the screen still counts as polled, because it polls again once visible.
  const isPolled = typeof enabled === 'function' ? enabled(query.data) : true;
  useEffect(() => (isPolled ? registerPoll() : undefined), [isPolled, registerPoll]);
  const { dataUpdatedAt } = query;
  useEffect(() => {
    if (isPolled) updates.set(dataUpdatedAt);
  }, [isPolled, dataUpdatedAt, updates]);
  return query;
}

/** The data of a list, polled from `endpoint` while the element with `listRef` is on the screen. */
export function usePolledList<T>(endpoint: string, initial: T) {
  const href = useHref();
  const listRef = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(listRef);
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = usePollingQuery({
    key: [endpoint],
    fetch: (signal) => fetchJson<T>(href(endpoint), signal),
    initial,
    enabled: onScreen,
  });
  return { listRef, data, error, dataUpdatedAt };
}
