import { useFormatter, useTranslations } from 'next-intl';

/** Replaces a text that was too large to read, or that may contain one. */
export function TooLarge() {
  return <span className="text-soft">{useTranslations('tooLarge')('text')}</span>;
}

/** Returns a formatter for sizes in bytes: `64 kB`, `3.4 MB`. */
export function useByteSize(): (bytes: number) => string {
  const format = useFormatter();
  return (bytes) => {
    const [unit, size] = bytes < 1e6 ? (['kilobyte', 1e3] as const) : (['megabyte', 1e6] as const);
    return format.number(bytes / size, {
      style: 'unit',
      unit,
      unitDisplay: 'short',
      maximumFractionDigits: 1,
    });
  };
}
