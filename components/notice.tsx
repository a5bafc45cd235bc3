'use client';

import { type ReactNode, useCallback, useState } from 'react';
import { Dismissible } from './dismissible';
import { useOutcome } from './outcomes';

/** Parameters with which a confirmation page says what its action came to. */
const PARAMS = [
  ...['did', 'outcome', 'name', 'error', 'retried', 'skipped'],
  ...['done', 'conflict', 'locked', 'missing', 'refused'],
];

/** What an action on a page of its own came to, until it is dismissed or the viewer acts again. */
export function Notice({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(true);
  const close = useCallback(() => {
    setOpen(false);
    const url = new URL(window.location.href);
    for (const name of PARAMS) url.searchParams.delete(name);
    window.history.replaceState(null, '', url);
  }, []);
  useOutcome(close);
  return (
    open && (
      <div className="my-3">
        <Dismissible onDismiss={close}>{children}</Dismissible>
      </div>
    )
  );
}
