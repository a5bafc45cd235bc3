import { useFormatter, useLocale, useTranslations } from 'next-intl';
import type { Count } from '@/lib/jobs/types';

/** A whole number, exactly: `123,456`, in Japanese `12万3,456`. */
export function useCount(): (value: number) => string {
  const format = useFormatter();
  const locale = useLocale();
  return (value) => {
    if (locale !== 'ja' || value < 10_000) return format.number(value);
    const parts = [
      [Math.floor(value / 1e8), '億'],
      [Math.floor((value % 1e8) / 1e4), '万'],
      [value % 1e4, ''],
    ] as const;
    return parts
      .filter(([part]) => part > 0)
      .map(([part, unit]) => format.number(part) + unit)
      .join('');
  };
}

/** A large number to two digits: `2.9 M`, in Japanese `290万`. */
function useRounded(): (value: number) => string {
  const format = useFormatter();
  return (value) =>
    format
      .number(value, { notation: 'compact', maximumSignificantDigits: 2 })
      .replace(/(?<=\d)(?=[A-Z]$)/, ' ');
}

/** A number of jobs that says what it is: `1,234`, `10,000+`, `~2.9 M`; `number` is that without its sign, `title` says it in words. */
export function useCountText(): (count: Count) => { text: string; number: string; title: string } {
  const t = useTranslations('counts');
  const exactly = useCount();
  const rounded = useRounded();
  return (count) => {
    switch (count.kind) {
      case 'exact':
        return { text: exactly(count.count), number: exactly(count.count), title: t('exact') };
      case 'at_least':
        return {
          text: `${exactly(count.count)}+`,
          number: exactly(count.count),
          title: t('atLeast'),
        };
      case 'estimate':
        return {
          text: t('estimateNumber', { number: rounded(count.count) }),
          number: rounded(count.count),
          title: t('estimate'),
        };
      case 'unknown':
        return { text: '?', number: '?', title: t('unknown') };
    }
  };
}

/** A span of time in its two largest units, a nought left out; `seconds` may be a fraction. */
export function useDuration(): (seconds: number) => string {
  const t = useTranslations('duration');
  return (seconds) => {
    const s = Math.max(0, seconds);
    if (s < 1) return t('ms', { value: Math.round(s * 1000) });
    if (s < 10) return t('s', { value: Math.round(s * 10) / 10 });
    if (s < 59.5) return t('s', { value: Math.round(s) });
    const whole = Math.round(s);
    const [d, h, min, rest] = [
      Math.floor(whole / 86_400),
      Math.floor((whole % 86_400) / 3600),
      Math.floor((whole % 3600) / 60),
      whole % 60,
    ];
    if (whole < 3600) return rest === 0 ? t('minutes', { min }) : t('min', { min, s: rest });
    if (whole < 86_400) return min === 0 ? t('hours', { h }) : t('h', { h, min });
    return h === 0 ? t('days', { d }) : t('d', { d, h });
  };
}
