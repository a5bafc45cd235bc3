'use client';

import { type KeyboardEvent, useEffect, useRef } from 'react';
import { Floating } from './floating';
import type { MenuItem, MenuProps } from './menu';

/** The items of an open menu, which arrow keys, Home, End and first letters move through. */
export default function MenuItems({ label, trigger, items, onOpenChange }: MenuProps) {
  const list = useRef<HTMLUListElement>(null);
  const enabledItems = () => [
    ...(list.current?.querySelectorAll<HTMLElement>(
      '[role="menuitem"]:not([aria-disabled="true"])',
    ) ?? []),
  ];
  // Focus in a frame of its own, because an element is not focusable before it has its place.
  useEffect(() => {
    const frame = requestAnimationFrame(() => enabledItems()[0]?.focus());
    return () => cancelAnimationFrame(frame);
  }, []);
  const close = () => {
    const hadFocus = list.current?.contains(document.activeElement) ?? false;
    onOpenChange(false);
    if (hadFocus || document.activeElement === document.body) trigger.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const all = enabledItems();
    const current = all.findIndex((item) => item === document.activeElement);
    const target = targetOf(event.key, current, all);
    if (event.key === 'Tab') onOpenChange(false);
    if (!target) return;
    event.preventDefault();
    target.focus();
  };
  return (
    <Floating
      anchor={trigger}
      placement="bottom-end"
      onDismiss={close}
      onKeyDown={onKeyDown}
      className="min-w-52 p-1"
    >
      <ul ref={list} role="menu" aria-label={label}>
        {items().map((item) => (
          <Item key={item.key} item={item} onSelect={() => selectItem(item, onOpenChange)} />
        ))}
      </ul>
    </Floating>
  );
}

function selectItem({ reason, onSelect }: MenuItem, onOpenChange: (isOpen: boolean) => void): void {
  if (reason !== null) return;
  onOpenChange(false);
  onSelect();
}

function targetOf(key: string, current: number, all: HTMLElement[]): HTMLElement | undefined {
  if (key === 'ArrowDown') return all[(current + 1) % all.length];
  if (key === 'ArrowUp') return all[current <= 0 ? all.length - 1 : current - 1];
  if (key === 'Home') return all[0];
  if (key === 'End') return all.at(-1);
  if (key.length !== 1 || key === ' ') return undefined;
  const letter = key.toLowerCase();
  return [...all.slice(current + 1), ...all.slice(0, current + 1)].find((item) =>
    item.textContent.trim().toLowerCase().startsWith(letter),
  );
}

function Item({ item, onSelect }: { item: MenuItem; onSelect: () => void }) {
  const { text, reason, isDestructive = false } = item;
  const enabledColor = isDestructive ? 'text-danger' : '';
  return (
    <li
      role="menuitem"
      tabIndex={-1}
      aria-disabled={reason !== null}
      onClick={onSelect}
      onPointerEnter={({ currentTarget }) => currentTarget.focus()}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        onSelect();
      }}
      className={
        'cursor-pointer rounded px-2.5 py-1.5 outline-none focus:bg-accent-wash ' +
        'aria-disabled:cursor-default ' +
        (reason === null ? enabledColor : 'text-soft')
      }
    >
      {text}
      {reason !== null && <span className="block text-xs">{reason}</span>}
    </li>
  );
}
