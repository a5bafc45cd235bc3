'use client';

import type { Placement } from '@floating-ui/dom';
import { type ReactNode, createContext, useContext, useId, useRef, useState } from 'react';
import { buttonClass } from './button';
import { useFloating } from './use-floating';

interface Props {
  /** The button's content; with `label` it may be just an icon. */
  button: ReactNode;
  /** Accessible name of the panel, and of its button if `name` is absent. */
  label?: string;
  /** Accessible name and tooltip of the button; null: its content says enough. */
  name?: string | null;
  buttonClassName?: string;
  /** The panel's width and layout. */
  className?: string;
  placement?: Placement;
  onOpenChange?: (isOpen: boolean) => void;
  /** A function is called while the panel is open, which saves work for a panel of few readers. */
  children: ReactNode | (() => ReactNode);
}

const CloseContext = createContext<() => void>(() => undefined);

/** Returns a function that closes the enclosing panel and focuses its button. */
export const useClosePanel = (): (() => void) => useContext(CloseContext);

/**
 * A button with a panel that floats beside it. Escape and any interaction outside close the panel.
 * Children that are not a function need no JavaScript.
 */
export function Panel({
  button,
  label,
  name = label,
  buttonClassName = buttonClass('quiet'),
  className = 'p-3',
  placement = 'bottom-end',
  onOpenChange,
  children,
}: Props) {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const trigger = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  useFloating({ anchor: trigger, floating: panel, placement, isOpen });
  const close = () => {
    panel.current?.hidePopover();
    trigger.current?.focus();
  };
  const isLazy = typeof children === 'function';
  return (
    <>
      <button
        ref={trigger}
        type="button"
        popoverTarget={id}
        aria-expanded={isOpen}
        aria-label={name ?? undefined}
        title={name ?? undefined}
        className={`${buttonClassName} ${isLazy ? 'js-only' : ''}`}
      >
        {button}
      </button>
      <div
        ref={panel}
        id={id}
        popover="auto"
        role="group"
        aria-label={label}
        onToggle={({ newState }) => {
          const isNowOpen = newState === 'open';
          setOpen(isNowOpen);
          onOpenChange?.(isNowOpen);
        }}
        onBlur={({ currentTarget, relatedTarget }) => {
          const isInside =
            relatedTarget === null ||
            relatedTarget === trigger.current ||
            currentTarget.contains(relatedTarget);
          if (!isInside) currentTarget.hidePopover();
        }}
        className={`floating max-w-[calc(100vw-1rem)] ${className}`}
      >
        <CloseContext value={close}>{isLazy ? isOpen && children() : children}</CloseContext>
      </div>
    </>
  );
}
