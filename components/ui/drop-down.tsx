'use client';

import type { ReactNode } from 'react';
import { buttonClass } from './button';

interface Props {
  /** What is always in sight. */
  summary: ReactNode;
  /** Its name, where it is an icon alone. */
  label?: string;
  /** The panel's width and layout. */
  className: string;
  children: ReactNode;
}

/** A panel below its summary, which opens without JavaScript too; with it Escape closes it, and the focus going elsewhere. */
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
      {/* It can hold the focus, so that a click on its text is none elsewhere. */}
      <div
        tabIndex={-1}
        className={`absolute right-0 z-30 mt-1 rounded-md border border-line-strong bg-raised p-3 shadow-lg ${className}`}
      >
        {children}
      </div>
    </details>
  );
}
