import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { useLive, usePace } from './live';

/** Whether an element is on the screen; true until the browser has said otherwise. */
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

/** A refresh that takes longer than this share of the interval is a database under load. */
const SLOW = 0.5;
const SLOWEST = 16;
/** A database that does not answer costs nothing to ask: what comes back must be seen soon. */
const FAILED = 4;

interface Options<T> {
  key: readonly unknown[];
  fetch: (signal: AbortSignal) => Promise<T>;
  initial?: T;
  /** What this fills is on the screen, and not finished for good. */
  wanted?: boolean | ((data: T | undefined) => boolean);
}

/**
 * A query that keeps itself fresh at the viewer's pace while what it fills is on the screen. A slow or failed answer
 * doubles the time until the next (a failed one to FAILED times at most), a quick one halves it again.
 */
export function useLiveQuery<T>({
  key,
  fetch,
  initial,
  wanted = true,
}: Options<T>): UseQueryResult<T> {
  const { interval } = usePace();
  const { poll } = useLive();
  const pace = useRef(1);
  const timed = async (signal: AbortSignal) => {
    const started = performance.now();
    let next = Math.max(pace.current, Math.min(pace.current * 2, FAILED));
    try {
      const value = await fetch(signal);
      const slow = interval !== false && performance.now() - started > interval * SLOW;
      next = slow ? Math.min(pace.current * 2, SLOWEST) : Math.max(1, pace.current / 2);
      return value;
    } finally {
      if (!signal.aborted) pace.current = next;
    }
  };
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => timed(signal),
    initialData: initial as T extends () => unknown ? never : T,
    staleTime: 1000,
    // The next refresh is soon enough.
    retry: false,
    refetchInterval: ({ state }) =>
      interval !== false && (typeof wanted === 'function' ? wanted(state.data) : wanted)
        ? interval * pace.current
        : false,
  });
  // What is off the screen is polled again when it comes back, what is finished never.
  const isPolled = typeof wanted === 'function' ? wanted(query.data) : true;
  useEffect(() => (isPolled ? poll() : undefined), [isPolled, poll]);
  return query;
}
