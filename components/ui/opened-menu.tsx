'use client';

import * as Radix from '@radix-ui/react-dropdown-menu';
import type { RefObject } from 'react';
import { buttonClass } from './button';
import { Icon } from './icon';
import type { MenuProps } from './menu-trigger';

/** The menu from its first use on. */
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
          // The library was not there yet to see the key that opened it first.
          ref={byKeyboard ? focusFirst : undefined}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          className="z-40 min-w-52 rounded-md border border-line-strong bg-raised p-1 shadow-lg"
        >
          {open &&
            items().map(({ key, text, reason, destructive, onSelect }) => (
              <Radix.Item
                key={key}
                disabled={reason !== null}
                onSelect={onSelect}
                className={`cursor-pointer rounded px-2.5 py-1.5 outline-none data-[disabled]:cursor-default data-[highlighted]:bg-accent-wash ${reason !== null ? 'text-soft' : destructive ? 'text-danger' : ''}`}
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

function focusFirst(content: HTMLElement | null): void {
  requestAnimationFrame(() =>
    content?.querySelector<HTMLElement>('[role="menuitem"]:not([data-disabled])')?.focus(),
  );
}
