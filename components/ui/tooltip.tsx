'use client';

import type { Placement } from '@floating-ui/dom';
import {
  type ReactElement,
  type ReactNode,
  type Ref,
  cloneElement,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react';
import { Floating } from './floating';

const OPEN_DELAY_MS = 200;
/** Long enough to move the pointer from the child to the content. */
const CLOSE_DELAY_MS = 120;

interface ChildProps {
  ref?: Ref<HTMLElement>;
  'aria-describedby'?: string;
  onPointerEnter?: (event: React.PointerEvent) => void;
  onPointerLeave?: () => void;
  onFocus?: () => void;
  onBlur?: () => void;
}

/**
 * Shows `content` on hover and focus of its child, which must be focusable. It renders nothing more
 * until it opens, because a list has hundreds of tooltips.
 */
export function Tooltip({
  content,
  placement = 'top',
  isDescription = true,
  className = '',
  children,
}: {
  content: ReactNode;
  placement?: Placement;
  /** False: the content repeats the name of the child. */
  isDescription?: boolean;
  className?: string;
  children: ReactElement<ChildProps>;
}) {
  const [open, setOpen] = useState(false);
  const child = useRef<HTMLElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const id = useId();
  const scheduleOpen = (isOpen: boolean, delayMs: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setOpen(isOpen), delayMs);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (!open) return;
    const onKey = (event: KeyboardEvent) => event.key === 'Escape' && setOpen(false);
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [open]);
  const pointerHandlers = {
    onPointerEnter: () => scheduleOpen(true, 0),
    onPointerLeave: () => scheduleOpen(false, CLOSE_DELAY_MS),
  };
  return (
    <>
      {cloneElement(children, {
        ref: child,
        'aria-describedby': open && isDescription ? id : undefined,
        onPointerEnter: (event) =>
          event.pointerType !== 'touch' && scheduleOpen(true, OPEN_DELAY_MS),
        onPointerLeave: pointerHandlers.onPointerLeave,
        onFocus: () => scheduleOpen(true, 0),
        onBlur: () => scheduleOpen(false, 0),
      })}
      {open && (
        <Floating
          anchor={child}
          placement={placement}
          id={id}
          role="tooltip"
          className={`max-w-[min(36rem,90vw)] px-2.5 py-1.5 text-sm break-words whitespace-pre-wrap ${className}`}
          {...pointerHandlers}
        >
          {content}
        </Floating>
      )}
    </>
  );
}
