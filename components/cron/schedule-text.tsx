'use client';

import { useLocale, useTranslations } from 'next-intl';
import type { ScheduleWords } from '@/lib/cron/types';
import type { ScheduleView } from '@/lib/cron/types';

/** A schedule as written, in words, and with its time zone. */
export function ScheduleText({ schedule }: { schedule: ScheduleView }) {
  const t = useTranslations('cron');
  const words = useScheduleWords();
  const { text, asCron, zone, isAppZone, hasWeekModulo, unreadable } = schedule;
  return (
    <div className="min-w-0">
      <div className="font-mono text-sm font-semibold any-break">{text}</div>
      {unreadable ? (
        <p className="text-sm text-warn">{t(`unreadable.${unreadable}`)}</p>
      ) : (
        <p className="text-sm text-soft">
          {schedule.words
            ? words(schedule.words)
            : asCron && <span className="font-mono">{asCron}</span>}{' '}
          {zone && t(isAppZone ? 'appZone' : 'zone', { zone })}
        </p>
      )}
      {hasWeekModulo && <p className="text-sm text-soft">{t('countsWeeks')}</p>}
    </div>
  );
}

/** Returns a formatter for schedules: `every 5 minutes`, `every day at 09:00`. */
function useScheduleWords(): (words: ScheduleWords) => string {
  const t = useTranslations('cron.words');
  const locale = useLocale();
  const list = (items: string[]) =>
    new Intl.ListFormat(locale, { type: 'unit', style: locale === 'ja' ? 'narrow' : 'short' })
      .format(items)
      .replaceAll(/(?<=[\d\u3040-\u9fff]) (?=[\d\u3040-\u9fff])/g, '・');
  const day = (options: Intl.DateTimeFormatOptions, date: number) =>
    new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options }).format(date);
  // The 4th of January 1970 was a Sunday.
  const weekday = (n: number) => day({ weekday: 'long' }, Date.UTC(1970, 0, 4 + n));
  const month = (n: number) => day({ month: 'long' }, Date.UTC(1970, n - 1, 1));
  const monthday = (n: number) => (n < 0 ? t('lastDay') : t('monthday', { day: n }));
  return (words) => {
    switch (words.kind) {
      case 'seconds':
      case 'minutes':
        return t(words.kind, { count: words.every });
      case 'hours':
        return t('hours', { count: words.every, minute: words.minute });
      case 'hourly':
        return t('hourly', { minutes: list(words.minutes.map((minute) => `:${minute}`)) });
      case 'daily':
        return t('daily', { times: list(words.times) });
      case 'weekly':
        return t('weekly', { days: list(words.weekdays.map(weekday)), times: list(words.times) });
      case 'monthly':
        return t('monthly', {
          days: list(words.monthdays.map(monthday)),
          times: list(words.times),
        });
      case 'yearly':
        return t('yearly', {
          months: list(words.months.map(month)),
          days: list(words.monthdays.map(monthday)),
          times: list(words.times),
        });
    }
  };
}
