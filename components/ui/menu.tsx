'use client';

import { Suspense, lazy, useState } from 'react';
import { Icon } from './icon';
import { type MenuProps, TRIGGER_CLASS } from './menu-trigger';

// A menu's code comes when a reader first reaches for one.
const load = () => import('./opened-menu');
const OpenedMenu = lazy(load);

/** A row's menu. A list has a hundred of them: until it is used it is nothing but its button. */
export function Menu(props: MenuProps) {
  const [used, setUsed] = useState<false | 'by keyboard' | 'by pointer'>(false);
  const { label, trigger, onOpenChange } = props;
  const use = (byKeyboard: boolean) => {
    setUsed(byKeyboard ? 'by keyboard' : 'by pointer');
    onOpenChange(true);
  };
  const button = (
    <button
      ref={trigger}
      type="button"
      aria-haspopup="menu"
      aria-expanded={used !== false}
      aria-label={label}
      className={TRIGGER_CLASS}
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={(event) => use(event.detail === 0)}
      onKeyDown={(event) => event.key === 'ArrowDown' && use(true)}
    >
      <Icon name="more" />
    </button>
  );
  if (!used) return button;
  return (
    <Suspense fallback={button}>
      <OpenedMenu {...props} byKeyboard={used === 'by keyboard'} />
    </Suspense>
  );
}
