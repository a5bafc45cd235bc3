'use client';

import { useFormatter, useTranslations } from 'next-intl';
import type { TooLarge } from '@/lib/jobs/types';

/** A size in bytes to two digits: `458 kB`, `1.2 MB`. */
export function useBytes(): (bytes: number) => string {
  const format = useFormatter();
  return (bytes) => {
    const [value, unit] =
      bytes >= 1_000_000 ? [bytes / 1_000_000, 'megabyte'] : [bytes / 1_000, 'kilobyte'];
    return format.number(value, {
      style: 'unit',
      unit,
      unitDisplay: 'short',
      maximumFractionDigits: value < 10 ? 1 : 0,
    });
  };
}

/** Why texts of a job are not shown, with the size of the one that was not read. */
export function useTooLargeText(): (tooLarge: TooLarge) => string {
  const t = useTranslations('jobs.tooLarge');
  const bytes = useBytes();
  return ({ part, bytes: size }) =>
    part === 'names' || part === 'page' ? t(part) : t(part, { size: bytes(size ?? 0) });
}

export function TooLargeNote({ tooLarge }: { tooLarge: TooLarge }) {
  return <p className="text-[13px] text-soft">{useTooLargeText()(tooLarge)}</p>;
}
