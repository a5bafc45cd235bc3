import { useFormatter, useTranslations } from 'next-intl';
import type { Count } from '@/lib/jobs/types';

/** Returns a formatter for integers: `31,550`. */
export function useCount(): (value: number) => string {
  const format = useFormatter();
  return (value) => format.number(value);
}

/** Returns a formatter with two significant digits: `32k`, in Japanese `3.2万`. */
function useRoundedNumber(): (value: number) => string {
  const format = useFormatter();
  return (value) =>
    format.number(value, { notation: 'compact', maximumSignificantDigits: 2 }).replace('K', 'k');
}

/**
 * Returns a formatter that marks minimums and estimates: `31,550`, `10,000+`, `about 32k`.
 * `number` is the text without the mark, `title` explains it.
 */
export function useCountText(): (count: Count) => { text: string; number: string; title: string } {
  const t = useTranslations('counts');
  const formatExact = useCount();
  const formatRounded = useRoundedNumber();
  return (count) => {
    switch (count.kind) {
      case 'exact':
        return {
          text: formatExact(count.count),
          number: formatExact(count.count),
          title: t('exact'),
        };
      case 'at_least':
        return {
          text: `${formatExact(count.count)}+`,
          number: formatExact(count.count),
          title: t('atLeast'),
        };
      case 'estimate':
        return {
          text: t('estimateNumber', { number: formatRounded(count.count) }),
          number: formatRounded(count.count),
          title: t('estimate'),
        };
      case 'unknown':
        return { text: '?', number: '?', title: t('unknown') };
    }
  };
}

/**
 * Returns a formatter for durations in (fractional) seconds: the two largest units, without zeros.
 */
export function useDuration(): (seconds: number) => string {
  const t = useTranslations('duration');
  return (seconds) => {
    const s = Math.max(0, seconds);
    if (s < 1) return t('ms', { value: Math.round(s * 1000) });
    if (s < 10) return t('s', { value: Math.round(s * 10) / 10 });
    if (s < 59.5) return t('s', { value: Math.round(s) });
    const whole = Math.round(s);
    const d = Math.floor(whole / 86_400);
    const h = Math.floor((whole % 86_400) / 3600);
    const min = Math.floor((whole % 3600) / 60);
    const restSeconds = whole % 60;
    if (whole < 3600)
      return restSeconds === 0 ? t('minutes', { min }) : t('min', { min, s: restSeconds });
    if (whole < 86_400) return min === 0 ? t('hours', { h }) : t('h', { h, min });
    return h === 0 ? t('days', { d }) : t('d', { d, h });
  };
}
