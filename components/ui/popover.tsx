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
  /** The button's content; with `label` it may be just an icon. */
  button: ReactNode;
  label?: string;
  className?: string;
  onOpenChange?: (open: boolean) => void;
  /** Rendered while the panel is open. */
  children: () => ReactNode;
}

const CloseContext = createContext<() => void>(() => undefined);

/** Returns a function that closes the enclosing popover and focuses its button. */
export const useClosePopover = (): (() => void) => useContext(CloseContext);

/** A button with a panel below it; Escape and any interaction outside close the panel. */
export function Popover({ button, label, className = '', onOpenChange, children }: Props) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const changeOpen = (isOpen: boolean) => {
    setOpen(isOpen);
    onOpenChange?.(isOpen);
  };
  useEffect(() => {
    if (!open) return;
    const closeIfOutside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) changeOpen(false);
    };
    document.addEventListener('pointerdown', closeIfOutside);
    document.addEventListener('focusin', closeIfOutside);
    return () => {
      document.removeEventListener('pointerdown', closeIfOutside);
      document.removeEventListener('focusin', closeIfOutside);
    };
  });
  const close = () => {
    changeOpen(false);
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
        onClick={() => changeOpen(!open)}
        className={`${buttonClass()} ${className}`}
      >
        {button}
      </button>
      {open && (
        <div
          id={id}
          role="group"
          aria-label={label}
          className={
            'floating absolute right-0 z-30 mt-1 w-max max-w-[calc(100vw-2rem)] p-3 max-sm:fixed ' +
            'max-sm:inset-x-4 max-sm:w-auto'
          }
        >
          <CloseContext value={close}>{children()}</CloseContext>
        </div>
      )}
    </div>
  );
}
