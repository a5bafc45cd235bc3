import type { RefObject } from 'react';

export interface MenuProps {
  label: string;
  /** The page that has the same, for a reader without JavaScript; with the base path. */
  href: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  trigger: RefObject<HTMLElement | null>;
  items: () => MenuItem[];
}

export interface MenuItem {
  key: string;
  text: string;
  /** Why it cannot be chosen now, in words. */
  reason: string | null;
  destructive?: boolean;
  onSelect: () => void;
}
