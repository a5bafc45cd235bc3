'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, useCallback, useEffect, useId, useState } from 'react';
import { Icon } from './ui/icon';

/** An outcome with a button that removes it; `onDismiss` null: it cannot be removed yet. */
export function Dismissible({
  onDismiss,
  children,
}: {
  onDismiss: (() => void) | null;
  children: ReactNode;
}) {
  const t = useTranslations('common');
  return (
    <div className="flex items-start gap-2">
      <div className="min-w-0 flex-1">{children}</div>
      {onDismiss && (
        <button
          type="button"
          onClick={onDismiss}
          aria-label={t('dismiss')}
          title={t('dismiss')}
          className={
            'js-only flex size-6.5 shrink-0 items-center justify-center rounded text-soft ' +
            'hover:bg-sunken hover:text-ink'
          }
        >
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

/** Parameters with which a confirmation page returns the result of its action. */
const RESULT_PARAMS = [
  ...['did', 'outcome', 'name', 'ends', 'error', 'retried', 'skipped', 'at', 'undo'],
  ...['done', 'conflict', 'locked', 'missing', 'refused'],
];

/** The result of a confirmation page's action, until it is dismissed or another result appears. */
export function DismissibleResult({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(true);
  const close = useCallback(() => {
    setOpen(false);
    const url = new URL(window.location.href);
    for (const name of RESULT_PARAMS) url.searchParams.delete(name);
    window.history.replaceState(null, '', url);
  }, []);
  useAnnounceOutcome(close);
  return (
    open && (
      <div className="my-3">
        <Dismissible onDismiss={close}>{children}</Dismissible>
      </div>
    )
  );
}

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
