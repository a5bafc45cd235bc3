import { useCallback, useEffect, useId, useState } from 'react';

type Listener = (part: string) => void;
const listeners = new Set<Listener>();

/**
 * Returns a function that announces a new outcome in this part of the page. `drop` is called when
 * another part announces one, because an older outcome could contradict it.
 */
export function useAnnounceOutcome(drop: () => void): () => void {
  const part = useId();
  useEffect(() => {
    const listener: Listener = (other) => {
      if (other !== part) drop();
    };
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, [part, drop]);
  return useCallback(() => listeners.forEach((listener) => listener(part)), [part]);
}

/** The last outcome of a part, until it is dismissed or another part announces one. */
export function useLastOutcome<Outcome>(): {
  outcome: Outcome | null;
  show: (outcome: Outcome) => void;
  drop: () => void;
} {
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const drop = useCallback(() => setOutcome(null), []);
  const announce = useAnnounceOutcome(drop);
  const show = useCallback(
    (next: Outcome) => {
      announce();
      setOutcome(next);
    },
    [announce],
  );
  return { outcome, show, drop };
}
