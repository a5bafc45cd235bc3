import type { ButtonHTMLAttributes } from 'react';

const KINDS = {
  plain: 'border-line-strong bg-raised text-ink hover:bg-sunken',
  primary: 'border-accent bg-accent text-accent-ink hover:opacity-90',
  danger: 'border-danger text-danger bg-raised hover:bg-danger-wash',
  quiet: 'border-transparent bg-transparent text-soft hover:bg-sunken hover:text-ink',
} as const;

export type ButtonKind = keyof typeof KINDS;

export function buttonClass(kind: ButtonKind = 'plain'): string {
  return `inline-flex min-h-8 items-center justify-center gap-1.5 whitespace-nowrap rounded-md border px-2.5 py-1 text-sm font-medium no-underline cursor-pointer disabled:cursor-not-allowed disabled:opacity-55 aria-disabled:cursor-not-allowed aria-disabled:opacity-55 ${KINDS[kind]}`;
}

export function Button({ kind, className = '', type = 'button', ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: ButtonKind }) {
  return <button type={type} className={`${buttonClass(kind)} ${className}`} {...rest} />;
}
