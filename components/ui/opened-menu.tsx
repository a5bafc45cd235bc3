'use client';

import * as Radix from '@radix-ui/react-dropdown-menu';
import type { RefObject } from 'react';
import { buttonClass } from './button';
import { Icon } from './icon';
import type { MenuProps } from './menu-trigger';

/** The complete menu, from its first use on. */
export default function OpenedMenu({
  label,
  open,
  onOpenChange,
  trigger,
  items,
  byKeyboard,
}: MenuProps & { byKeyboard: boolean }) {
  return (
    <Radix.Root modal={false} open={open} onOpenChange={onOpenChange}>
      <Radix.Trigger
        ref={trigger as RefObject<HTMLButtonElement | null>}
        className={`${buttonClass('quiet')} px-1.5`}
        aria-label={label}
      >
        <Icon name="more" />
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          // The library was not loaded yet when the key opened the menu.
          ref={byKeyboard ? focusFirst : undefined}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          className="floating z-40 min-w-52 p-1"
        >
          {open &&
            items().map(({ key, text, reason, isDestructive, onSelect }) => (
              <Radix.Item
                key={key}
                disabled={reason !== null}
                onSelect={onSelect}
                className={
                  'cursor-pointer rounded px-2.5 py-1.5 outline-none data-[disabled]:cursor-default ' +
                  'data-[highlighted]:bg-accent-wash ' +
                  itemColor(reason !== null, isDestructive)
                }
              >
                {text}
                {reason !== null && <span className="block text-[12.5px]">{reason}</span>}
              </Radix.Item>
            ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function itemColor(isDisabled: boolean, isDestructive = false): string {
  if (isDisabled) return 'text-soft';
  return isDestructive ? 'text-danger' : '';
}

function focusFirst(content: HTMLElement | null): void {
  requestAnimationFrame(() =>
    content?.querySelector<HTMLElement>('[role="menuitem"]:not([data-disabled])')?.focus(),
  );
}
