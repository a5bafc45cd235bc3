import type { RefObject } from 'react';
import { buttonClass } from './button';

export interface MenuProps {
  label: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  trigger: RefObject<HTMLButtonElement | null>;
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

export const TRIGGER_CLASS = `${buttonClass('quiet')} js-only px-1.5`;
