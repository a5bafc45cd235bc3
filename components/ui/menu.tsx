'use client';

import { type RefObject, Suspense, useRef } from 'react';
import { LinkButton } from './button';
import { Icon } from './icon';
import { lazyScript, preload } from './lazy-script';

// Loaded when the viewer first hovers or focuses a menu.
const loadItems = () => import('./menu-items');
const MenuItems = lazyScript(loadItems);

export interface MenuItem {
  key: string;
  text: string;
  /** Why the item is disabled; null if it is enabled. */
  reason: string | null;
  isDestructive?: boolean;
  onSelect: () => void;
}

export interface MenuProps {
  label: string;
  /** URL (with the base path) of a page with the same actions, for viewers without JavaScript. */
  href: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  trigger: RefObject<HTMLElement | null>;
  tabIndex?: -1;
  items: () => MenuItem[];
}

/** A row's menu. Only its button is rendered while it is closed: a list has hundreds of them. */
export function Menu(props: MenuProps) {
  const { label, href, trigger, tabIndex, open, onOpenChange } = props;
  // A press on the button of an open menu dismisses the menu, and its click must not open it again.
  const wasOpen = useRef(false);
  return (
    <>
      <LinkButton
        ref={trigger}
        href={href}
        tabIndex={tabIndex}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={label}
        onPointerEnter={() => preload(loadItems)}
        onFocus={() => preload(loadItems)}
        onPointerDown={() => {
          wasOpen.current = open;
        }}
        onPress={(byKeyboard) => {
          if (byKeyboard || !wasOpen.current) onOpenChange(!open);
          wasOpen.current = false;
        }}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown') return;
          event.preventDefault();
          onOpenChange(true);
        }}
      >
        <Icon name="more" />
      </LinkButton>
      {open && (
        <Suspense>
          <MenuItems {...props} />
        </Suspense>
      )}
    </>
  );
}
