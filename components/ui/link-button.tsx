import type { AnchorHTMLAttributes, Ref } from 'react';
import { buttonClass } from './button';

interface Props extends AnchorHTMLAttributes<HTMLAnchorElement> {
  /** URL (with the base path) that opens without JavaScript or in a new tab. */
  href: string;
  onPress: (byKeyboard: boolean) => void;
  ref?: Ref<HTMLElement>;
}

/** A button that is also a link: one element instead of two keeps the rows of a list small. */
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
