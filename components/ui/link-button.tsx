import type { AnchorHTMLAttributes, Ref } from 'react';
import { buttonClass } from './button';

interface Props extends AnchorHTMLAttributes<HTMLAnchorElement> {
  /** Where it leads without JavaScript, or in a tab of its own; with the base path. */
  href: string;
  onPress: (byKeyboard: boolean) => void;
  ref?: Ref<HTMLElement>;
}

/** A quiet button of a row that is a link as well: one element, where a hundred rows would have a button and a link in its place. */
export function LinkButton({ onPress, onKeyDown, ref, ...rest }: Props) {
  return (
    <a
      ref={ref as Ref<HTMLAnchorElement>}
      role="button"
      draggable={false}
      className={`${buttonClass('quiet')} px-1.5`}
      {...rest}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        onPress(event.detail === 0);
      }}
      onKeyDown={(event) => {
        onKeyDown?.(event);
        if (event.key !== ' ') return;
        event.preventDefault();
        onPress(true);
      }}
    />
  );
}
