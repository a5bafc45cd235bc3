import type { ButtonHTMLAttributes } from 'react';

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
