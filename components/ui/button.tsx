import type { AnchorHTMLAttributes, ButtonHTMLAttributes, Ref } from 'react';

/** The styles are classes of globals.css (`.button-…`), which keeps the rows of a list small. */
type ButtonKind = 'plain' | 'primary' | 'danger' | 'quiet';

export function buttonClass(kind: ButtonKind = 'plain'): string {
  return `button button-${kind}`;
}

export function Button({
  kind,
  className = '',
  type = 'button',
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: ButtonKind }) {
  return <button type={type} className={`${buttonClass(kind)} ${className}`} {...rest} />;
}

interface LinkButtonProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  /** URL (with the base path) that opens without JavaScript or in a new tab. */
  href: string;
  onPress: (byKeyboard: boolean) => void;
  ref?: Ref<HTMLElement>;
}

/** A button that is also a link: one element instead of two keeps the rows of a list small. */
export function LinkButton({ onPress, onKeyDown, ref, ...rest }: LinkButtonProps) {
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
