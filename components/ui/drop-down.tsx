'use client';

import type { ReactNode } from 'react';
import { buttonClass } from './button';

interface Props {
  /** The visible part. */
  summary: ReactNode;
  /** Accessible name for a summary that is only an icon. */
  label?: string;
  /** The panel's width and layout. */
  className: string;
  children: ReactNode;
}

/** A panel that opens without JavaScript; with it, Escape and a loss of focus close the panel. */
export function DropDown({ summary, label, className, children }: Props) {
  return (
    <details
      className="relative"
      onKeyDown={({ key, currentTarget }) => {
        if (key !== 'Escape' || !currentTarget.open) return;
        currentTarget.open = false;
        currentTarget.querySelector('summary')?.focus();
      }}
      onBlur={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget)) currentTarget.open = false;
      }}
    >
      <summary
        aria-label={label}
        title={label}
        className={`${buttonClass('quiet')} list-none [&::-webkit-details-marker]:hidden`}
      >
        {summary}
      </summary>
      {/* Focusable, so that a click on its text does not count as a loss of focus. */}
      <div tabIndex={-1} className={`floating absolute right-0 z-30 mt-1 p-3 ${className}`}>
        {children}
      </div>
    </details>
  );
}
