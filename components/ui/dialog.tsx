'use client';

import { type ReactNode, useEffect, useRef } from 'react';

/** A modal: the browser's own <dialog> keeps the focus inside, closes on Escape and gives the focus back. */
export function Dialog({ labelledBy, onClose, children }: { labelledBy: string; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
  }, []);
  return (
    <dialog ref={ref} aria-labelledby={labelledBy} onClose={onClose} className="w-[min(34rem,calc(100vw-2rem))] max-h-[calc(100dvh-2rem)] overflow-y-auto rounded-lg border border-line-strong bg-raised p-5 text-ink shadow-2xl backdrop:bg-black/50">
      {children}
    </dialog>
  );
}
