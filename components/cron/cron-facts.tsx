'use client';

import { useLocale, useTranslations } from 'next-intl';
import type { CronRow, CronRun, ScheduleView, ScheduleWords } from '@/lib/cron/types';
import { JOB_STATES, type JobState } from '@/lib/good-job/types';
import { STATE_CLASSES } from '../jobs/state-badge';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';
import { Icon } from '../ui/icon';

/** Problems and peculiarities of a cron entry. */
export function CronNotes({ row, hasCronFile }: { row: CronRow; hasCronFile: boolean }) {
  const t = useTranslations('cron');
  const notes = [
    ...row.problems.map((problem) => ({
      key: problem,
      text: t(`problems.${problem}`),
      isWarning: true,
    })),
    ...(hasCronFile && !row.isConfigured
      ? [{ key: 'notInFile', text: t('notInFile'), isWarning: false }]
      : []),
    ...(row.isConfigured && row.runs.length === 0
      ? [{ key: 'neverRan', text: t('neverRan'), isWarning: false }]
      : []),
  ];
  return (
    <>
      {row.overdueSince && (
        <p className="flex items-start gap-1 text-sm text-danger">
          <Icon name="warning" className="mt-[3px] size-3.5" />
          <span>
            {t('overdue')} <RelativeTime iso={row.overdueSince} />
          </span>
        </p>
      )}
      {notes.map(({ key, text, isWarning }) => (
        <p key={key} className={`text-sm ${isWarning ? 'text-warn' : 'text-soft'}`}>
          {text}
        </p>
      ))}
    </>
  );
}

/** Whether a cron key is enabled, disabled or absent from CRON_FILE. */
export function CronStateBadge({
  row: { enabled, isConfigured },
  hasCronFile,
}: {
  row: Pick<CronRow, 'enabled' | 'isConfigured'>;
  hasCronFile: boolean;
}) {
  const t = useTranslations('cron');
  if (hasCronFile && !isConfigured)
    return (
      <span className="badge rounded-md bg-sunken whitespace-normal text-soft">{t('absent')}</span>
    );
  return (
    <span
      className={`badge ${enabled ? 'bg-succeeded-wash text-succeeded' : 'bg-warn-wash text-warn'}`}
    >
      <Icon name={enabled ? 'succeeded' : 'paused'} className="size-3.5" />
      {t(enabled ? 'enabled' : 'disabled')}
    </span>
  );
}

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

const STEP = 7;
const HEIGHT = 16;

/**
 * SVG paths in a 5 by 16 box; each state has its own shape because colour alone is not accessible.
 */
const SHAPES: Record<JobState, string> = {
  succeeded: 'M0 9h5v7h-5Z',
  discarded:
    'M0 0h5v16h-5Z M1.2 6.2 2.5 7.5 3.8 6.2 4.6 7 3.3 8.3 4.6 9.6 3.8 10.4 2.5 9.1 1.2 10.4 .4 9.6 1.7 8.3 .4 7Z',
  running: 'M0 4 5 8 0 12Z',
  retried: 'M2.5 4 5 8 2.5 12 0 8Z',
  queued: 'M0 6h5v1.5h-5Z M0 9h5v1.5h-5Z',
  scheduled: 'M0 11h5v1.5h-5Z',
};

/** The last runs, oldest on the left, with a text alternative. */
export function RunStrip({ runs }: { runs: CronRun[] }) {
  const t = useTranslations();
  const count = useCount();
  const locale = useLocale();
  if (runs.length === 0) return <span className="text-soft">{t('cron.noRuns')}</span>;
  const counts = JOB_STATES.map((state) => ({
    state,
    number: runs.filter((run) => run.state === state).length,
  })).filter(({ number }) => number > 0);
  const words = new Intl.ListFormat(locale, { type: 'unit' }).format(
    counts.map(({ state, number }) =>
      t('cron.stripPart', { state: t(`states.${state}`), number: count(number) }),
    ),
  );
  const width = runs.length * STEP;
  return (
    <svg
      role="img"
      aria-label={t('cron.strip', { count: runs.length, number: count(runs.length), words })}
      viewBox={`0 0 ${width} ${HEIGHT}`}
      width={width}
      height={HEIGHT}
      className="block max-w-full"
    >
      {runs.toReversed().map((run, n) => (
        <path
          key={run.id}
          d={SHAPES[run.state]}
          fillRule="evenodd"
          transform={`translate(${n * STEP} 0)`}
          className={STATE_CLASSES[run.state].fill}
        />
      ))}
    </svg>
  );
}
