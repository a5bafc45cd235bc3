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

/** An open tooltip, placed where there is room. */
export default function TooltipContent({ id, anchor, children, ...keep }: Props) {
  return createPortal(
    <Popper.Root>
      <Popper.Anchor virtualRef={anchor} />
      <Popper.Content
        side="top"
        sideOffset={4}
        collisionPadding={8}
        id={id}
        role="tooltip"
        className="z-50 max-w-[min(36rem,90vw)] rounded-md border border-line-strong bg-raised px-2.5 py-1.5 text-sm break-words whitespace-pre-wrap text-ink shadow-lg"
        {...keep}
      >
        {children}
      </Popper.Content>
    </Popper.Root>,
    document.body,
  );
}
