'use client';

import {
  type ReactNode,
  createContext,
  useContext,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react';
import { buttonClass } from './button';

interface Props {
  /** The button's content; with `label` it may be an icon alone. */
  button: ReactNode;
  label?: string;
  className?: string;
  onOpenChange?: (open: boolean) => void;
  /** Rendered while it is open. */
  children: () => ReactNode;
}

const CloseContext = createContext<() => void>(() => undefined);

/** Closes the popover around this, and gives its button the focus. */
export const useClosePopover = (): (() => void) => useContext(CloseContext);

/** A button that opens a panel below it; Escape and whatever is done outside close it. */
export function Popover({ button, label, className = '', onOpenChange, children }: Props) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const change = (to: boolean) => {
    setOpen(to);
    onOpenChange?.(to);
  };
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) change(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  });
  const close = () => {
    change(false);
    trigger.current?.focus();
  };
  return (
    <div
      ref={root}
      className="js-only relative"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open) return;
        event.stopPropagation();
        close();
      }}
    >
      <button
        ref={trigger}
        type="button"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={label}
        title={label}
        onClick={() => change(!open)}
        className={`${buttonClass()} ${className}`}
      >
        {button}
      </button>
      {open && (
        <div
          id={id}
          role="group"
          aria-label={label}
          className="absolute right-0 z-30 mt-1 w-max max-w-[calc(100vw-2rem)] rounded-md border border-line-strong bg-raised p-3 shadow-lg max-sm:fixed max-sm:inset-x-4 max-sm:w-auto"
        >
          <CloseContext value={close}>{children()}</CloseContext>
        </div>
      )}
    </div>
  );
}
