'use client';

import type { Placement } from '@floating-ui/dom';
import {
  cloneElement,
  createContext,
  type HTMLAttributes,
  type ReactElement,
  type ReactNode,
  type Ref,
  type RefObject,
  useContext,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { buttonClass } from './button';

interface FloatingProps extends HTMLAttributes<HTMLDivElement> {
  anchor: RefObject<HTMLElement | null>;
  placement: Placement;
  /** Called by Escape and by an interaction outside. Absent: the owner decides when it closes. */
  onDismiss?: () => void;
}

/** An element that floats beside `anchor` in the top layer while it is mounted. */
export function Floating({ anchor, placement, onDismiss, className = '', ...rest }: FloatingProps) {
  const ref = useRef<HTMLDivElement>(null);
  const isDismissible = onDismiss !== undefined;
  useLayoutEffect(() => ref.current?.showPopover(), []);
  useFloating({ anchor, floating: ref, placement, isOpen: true });
  return (
    <div
      ref={ref}
      popover={isDismissible ? 'auto' : 'manual'}
      onToggle={({ newState }) => newState === 'closed' && onDismiss?.()}
      className={`floating ${className}`}
      {...rest}
    />
  );
}

/** Distance in px between an element and what floats beside it, and from there to the edge. */
const GAP_PX = 4;
const EDGE_PX = 8;

/**
 * Places `floating`, an element with the `popover` attribute, beside `anchor` while `isOpen`. The
 * script that computes the place is loaded with the first use.
 */
function useFloating({
  anchor,
  floating,
  placement,
  isOpen,
}: {
  anchor: RefObject<HTMLElement | null>;
  floating: RefObject<HTMLElement | null>;
  placement: Placement;
  isOpen: boolean;
}): void {
  useLayoutEffect(() => {
    if (!isOpen) return;
    let stop: (() => void) | undefined;
    let isOver = false;
    void import('@floating-ui/dom').then(
      ({ autoUpdate, computePosition, flip, offset, shift }) => {
        const [from, element] = [anchor.current, floating.current];
        if (isOver || !from || !element) return;
        const place = async () => {
          const { x, y } = await computePosition(from, element, {
            placement,
            strategy: 'fixed',
            middleware: [offset(GAP_PX), flip({ padding: EDGE_PX }), shift({ padding: EDGE_PX })],
          });
          Object.assign(element.style, { left: `${x}px`, top: `${y}px`, opacity: '1' });
        };
        stop = autoUpdate(from, element, () => void place());
      },
      () => floating.current?.style.setProperty('opacity', '1'),
    );
    return () => {
      isOver = true;
      stop?.();
    };
  }, [anchor, floating, placement, isOpen]);
}

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

interface PanelProps {
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
}: PanelProps) {
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
