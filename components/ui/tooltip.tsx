'use client';

import * as Radix from '@radix-ui/react-tooltip';
import type { ReactNode } from 'react';

/** Shows `content` on hover and focus of its child, until Escape. The child must be able to take focus. */
export function Tooltip({ content, children }: { content: ReactNode; children: ReactNode }) {
  return (
    <Radix.Root delayDuration={200}>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content sideOffset={4} collisionPadding={8} className="z-50 max-w-[min(36rem,90vw)] rounded-md border border-line-strong bg-raised px-2.5 py-1.5 text-sm break-words whitespace-pre-wrap text-ink shadow-lg">
          {content}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export const TooltipProvider = Radix.Provider;
