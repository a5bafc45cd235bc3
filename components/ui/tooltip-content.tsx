'use client';

import * as Popper from '@radix-ui/react-popper';
import type { ReactNode, RefObject } from 'react';
import { createPortal } from 'react-dom';

interface Props {
  id: string;
  anchor: RefObject<HTMLElement | null>;
  onPointerEnter: () => void;
  onPointerLeave: () => void;
  children: ReactNode;
}

/** The content of an open tooltip. */
export default function TooltipContent({ id, anchor, children, ...pointerHandlers }: Props) {
  return createPortal(
    <Popper.Root>
      <Popper.Anchor virtualRef={anchor} />
      <Popper.Content
        side="top"
        sideOffset={4}
        collisionPadding={8}
        id={id}
        role="tooltip"
        className="floating z-50 max-w-[min(36rem,90vw)] px-2.5 py-1.5 text-sm break-words whitespace-pre-wrap text-ink"
        {...pointerHandlers}
      >
        {children}
      </Popper.Content>
    </Popper.Root>,
    document.body,
  );
}
