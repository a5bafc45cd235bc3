'use client';

import { type ReactNode, type RefObject, useLayoutEffect, useRef } from 'react';

interface Props {
  labelledBy: string;
  onClose: () => void;
  /**
   * Gets the focus after closing; default is the previously focused element, if it still exists.
   */
  returnTo?: RefObject<HTMLElement | null>;
  /** The width, place and padding; default is a centred column of text. */
  className?: string;
  children: ReactNode;
}

const DEFAULT_CLASS = 'w-[min(34rem,calc(100vw-2rem))] p-5';

/** A modal <dialog>. Focus starts at `data-focus-first`, or else at the first control. */
export function Dialog({
  labelledBy,
  onClose,
  returnTo,
  className = DEFAULT_CLASS,
  children,
}: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  // The cleanup of a layout effect runs while the dialog is still in the DOM; a dialog that is
  // removed while open would trap the focus.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const opener = returnTo?.current ?? document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    dialog?.querySelector<HTMLElement>('[data-focus-first]')?.focus();
    return () => {
      dialog?.close();
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, [returnTo]);
  return (
    <dialog
      ref={ref}
      aria-labelledby={labelledBy}
      onClose={onClose}
      className={`dialog ${className}`}
    >
      {children}
    </dialog>
  );
}
