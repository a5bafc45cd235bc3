'use client';

import type { Placement } from '@floating-ui/dom';
import { type HTMLAttributes, type RefObject, useLayoutEffect, useRef } from 'react';
import { useFloating } from './use-floating';

interface Props extends HTMLAttributes<HTMLDivElement> {
  anchor: RefObject<HTMLElement | null>;
  placement: Placement;
  /** Called by Escape and by an interaction outside. Absent: the owner decides when it closes. */
  onDismiss?: () => void;
}

/** An element that floats beside `anchor` in the top layer while it is mounted. */
export function Floating({ anchor, placement, onDismiss, className = '', ...rest }: Props) {
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
