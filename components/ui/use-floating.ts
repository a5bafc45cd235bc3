import type { Placement } from '@floating-ui/dom';
import { type RefObject, useLayoutEffect } from 'react';

/** Distance in px between an element and what floats beside it, and from there to the edge. */
const GAP_PX = 4;
const EDGE_PX = 8;

/**
 * Places `floating`, an element with the `popover` attribute, beside `anchor` while `isOpen`. The
 * script that computes the place is loaded with the first use.
 */
export function useFloating({
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
