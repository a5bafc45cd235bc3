'use client';

import { useFormatter, useTranslations } from 'next-intl';
import type { TooLarge } from '@/lib/jobs/types';

/** Returns a formatter for sizes in bytes: `458 kB`, `1.2 MB`. */
export function useSizeText(): (bytes: number) => string {
  const format = useFormatter();
  return (bytes) => {
    const isLarge = bytes >= 1_000_000;
    const value = bytes / (isLarge ? 1_000_000 : 1_000);
    return format.number(value, {
      style: 'unit',
      unit: isLarge ? 'megabyte' : 'kilobyte',
      unitDisplay: 'short',
      maximumFractionDigits: value < 10 ? 1 : 0,
    });
  };
}

/**
 * Returns a function that says why texts of a job are omitted, with the size of the omitted part.
 */
export function useTooLargeText(): (tooLarge: TooLarge) => string {
  const t = useTranslations('jobs.tooLarge');
  const sizeText = useSizeText();
  return ({ part, bytes: size }) =>
    part === 'names' || part === 'page' ? t(part) : t(part, { size: sizeText(size ?? 0) });
}

/** Says why texts of a job are omitted. */
export function TooLargeNote({ tooLarge }: { tooLarge: TooLarge }) {
  return <p className="text-sm text-soft">{useTooLargeText()(tooLarge)}</p>;
}
