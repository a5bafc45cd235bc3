import type { RefObject } from 'react';

export interface MenuProps {
  label: string;
  /** URL (with the base path) of a page with the same actions, for viewers without JavaScript. */
  href: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  trigger: RefObject<HTMLElement | null>;
  items: () => MenuItem[];
}

export interface MenuItem {
  key: string;
  text: string;
  /** Why the item is disabled; null if it is enabled. */
  reason: string | null;
  isDestructive?: boolean;
  onSelect: () => void;
}
