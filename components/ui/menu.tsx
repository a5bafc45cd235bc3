'use client';

import { Suspense, useState } from 'react';
import { Icon } from './icon';
import { lazyScript, preload } from './lazy-script';
import { LinkButton } from './link-button';
import type { MenuProps } from './menu-trigger';

// A menu's code comes when a reader first reaches for one.
const load = () => import('./opened-menu');
const OpenedMenu = lazyScript(load);

/** A row's menu. A list has a hundred of them: until it is used it is nothing but its button. */
export function Menu(props: MenuProps) {
  const [used, setUsed] = useState<false | 'by keyboard' | 'by pointer'>(false);
  const { label, href, trigger, onOpenChange } = props;
  const use = (byKeyboard: boolean) => {
    setUsed(byKeyboard ? 'by keyboard' : 'by pointer');
    onOpenChange(true);
  };
  const button = (
    <LinkButton
      ref={trigger}
      href={href}
      aria-haspopup="menu"
      aria-expanded={used !== false}
      aria-label={label}
      onPointerEnter={() => preload(load)}
      onFocus={() => preload(load)}
      onPress={use}
      onKeyDown={(event) => event.key === 'ArrowDown' && use(true)}
    >
      <Icon name="more" />
    </LinkButton>
  );
  if (!used) return button;
  return (
    <Suspense fallback={button}>
      <OpenedMenu {...props} byKeyboard={used === 'by keyboard'} />
    </Suspense>
  );
}
