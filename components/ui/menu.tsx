'use client';

import * as Radix from '@radix-ui/react-dropdown-menu';
import { type ReactNode, type RefObject, useState } from 'react';
import { buttonClass } from './button';
import { Icon } from './icon';

interface Props {
  label: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  trigger: RefObject<HTMLButtonElement | null>;
  /** MenuItems. */
  children: () => ReactNode;
}

/** A row's menu. A list has a hundred of them: until it is used it is nothing but its button. */
export function Menu({ label, open, onOpenChange, trigger, children }: Props) {
  const [used, setUsed] = useState<false | 'by keyboard' | 'by pointer'>(false);
  const className = `${buttonClass('quiet')} js-only px-1.5`;
  const icon = <Icon name="more" />;
  if (!used) {
    const use = (byKeyboard: boolean) => {
      setUsed(byKeyboard ? 'by keyboard' : 'by pointer');
      onOpenChange(true);
    };
    return (
      <button ref={trigger} type="button" aria-haspopup="menu" aria-expanded={false} aria-label={label} className={className} onClick={(event) => use(event.detail === 0)} onKeyDown={(event) => event.key === 'ArrowDown' && use(true)}>
        {icon}
      </button>
    );
  }
  return (
    <Radix.Root modal={false} open={open} onOpenChange={onOpenChange}>
      <Radix.Trigger ref={trigger} className={className} aria-label={label}>
        {icon}
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          // The library was not there yet to see the key that opened it first.
          ref={used === 'by keyboard' ? focusFirst : undefined}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          className="z-40 min-w-52 rounded-md border border-line-strong bg-raised p-1 shadow-lg"
        >
          {open && children()}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function focusFirst(content: HTMLElement | null): void {
  requestAnimationFrame(() => content?.querySelector<HTMLElement>('[role="menuitem"]:not([data-disabled])')?.focus());
}

/** `reason`: why it cannot be chosen now, in words. */
export function MenuItem({ text, reason, destructive, onSelect }: { text: string; reason: string | null; destructive?: boolean; onSelect: () => void }) {
  return (
    <Radix.Item
      disabled={reason !== null}
      onSelect={onSelect}
      className={`cursor-pointer rounded px-2.5 py-1.5 outline-none data-[disabled]:cursor-default data-[highlighted]:bg-accent-wash ${reason !== null ? 'text-soft' : destructive ? 'text-danger' : ''}`}
    >
      {text}
      {reason !== null && <span className="block text-[12.5px]">{reason}</span>}
    </Radix.Item>
  );
}
