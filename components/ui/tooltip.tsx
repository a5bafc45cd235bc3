'use client';

import {
  type ReactElement,
  type ReactNode,
  type Ref,
  Suspense,
  cloneElement,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react';
import { lazyScript } from './lazy-script';

// What places it comes when the first one is shown.
const TooltipContent = lazyScript(() => import('./tooltip-content'));

const OPENS_AFTER_MS = 200;
/** Long enough for the pointer to get from the child to the content. */
const CLOSES_AFTER_MS = 120;

interface ChildProps {
  ref?: Ref<HTMLElement>;
  'aria-describedby'?: string;
  onPointerEnter?: (event: React.PointerEvent) => void;
  onPointerLeave?: () => void;
  onFocus?: () => void;
  onBlur?: () => void;
}

/**
 * Shows `content` on hover and focus of its child, until Escape. The child must be able to take focus. A list has
 * a hundred of them: until it is open a tooltip is nothing but its child.
 */
export function Tooltip({
  content,
  children,
}: {
  content: ReactNode;
  children: ReactElement<ChildProps>;
}) {
  const [open, setOpen] = useState(false);
  const child = useRef<HTMLElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const id = useId();
  const turn = (to: boolean, ms: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setOpen(to), ms);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (!open) return;
    const onKey = (event: KeyboardEvent) => event.key === 'Escape' && setOpen(false);
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [open]);
  const keep = {
    onPointerEnter: () => turn(true, 0),
    onPointerLeave: () => turn(false, CLOSES_AFTER_MS),
  };
  return (
    <>
      {cloneElement(children, {
        ref: child,
        'aria-describedby': open ? id : undefined,
        onPointerEnter: (event) => event.pointerType !== 'touch' && turn(true, OPENS_AFTER_MS),
        onPointerLeave: keep.onPointerLeave,
        onFocus: () => turn(true, 0),
        onBlur: () => turn(false, 0),
      })}
      {open && (
        <Suspense>
          <TooltipContent id={id} anchor={child} {...keep}>
            {content}
          </TooltipContent>
        </Suspense>
      )}
    </>
  );
}
