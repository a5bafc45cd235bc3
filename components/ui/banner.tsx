import type { ReactNode } from 'react';
import { Icon } from './icon';

const TONES = {
  info: 'border-line bg-sunken text-ink',
  warning: 'border-warn bg-warn-wash text-ink',
  danger: 'border-danger bg-danger-wash text-ink',
} as const;

const ICON_COLORS = {
  info: 'text-soft',
  warning: 'text-warn',
  danger: 'text-danger',
} as const;

export function Banner({
  tone,
  children,
  role,
}: {
  tone: keyof typeof TONES;
  children: ReactNode;
  role?: 'alert' | 'status';
}) {
  return (
    <div
      role={role}
      className={`flex items-start gap-2 rounded-md border px-3 py-2 ${TONES[tone]}`}
    >
      <Icon
        name={tone === 'info' ? 'info' : 'warning'}
        className={`mt-[3px] ${ICON_COLORS[tone]}`}
      />
      <div className="min-w-0 flex-1">{children}</div>
    </div>
  );
}
