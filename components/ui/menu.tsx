'use client';

import { Suspense, useState } from 'react';
import { Icon } from './icon';
import { lazyScript, preload } from './lazy-script';
import { LinkButton } from './link-button';
import type { MenuProps } from './menu-trigger';

// Loaded when the viewer first hovers or focuses a menu.
const loadMenu = () => import('./opened-menu');
const OpenedMenu = lazyScript(loadMenu);

/**
 * A row's menu. It renders only its button until the first use, because a list has hundreds of
 * them.
 */
export function Menu(props: MenuProps) {
  const [openedBy, setOpenedBy] = useState<'keyboard' | 'pointer' | null>(null);
  const { label, href, trigger, onOpenChange } = props;
  const openMenu = (byKeyboard: boolean) => {
    setOpenedBy(byKeyboard ? 'keyboard' : 'pointer');
    onOpenChange(true);
  };
  const button = (
    <LinkButton
      ref={trigger}
      href={href}
      aria-haspopup="menu"
      aria-expanded={openedBy !== null}
      aria-label={label}
      onPointerEnter={() => preload(loadMenu)}
      onFocus={() => preload(loadMenu)}
      onPress={openMenu}
      onKeyDown={(event) => event.key === 'ArrowDown' && openMenu(true)}
    >
      <Icon name="more" />
    </LinkButton>
  );
  if (!openedBy) return button;
  return (
    <Suspense fallback={button}>
      <OpenedMenu {...props} byKeyboard={openedBy === 'keyboard'} />
    </Suspense>
  );
}
