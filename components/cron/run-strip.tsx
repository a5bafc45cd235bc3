'use client';

import { useLocale, useTranslations } from 'next-intl';
import type { CronRun } from '@/lib/cron/types';
import { JOB_STATES, type JobState } from '@/lib/good-job/types';
import { STATE_CLASSES } from '../jobs/state-badge';
import { useCount } from '../quantities';

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
