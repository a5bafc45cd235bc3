import { useTranslations } from 'next-intl';
import type { JobState } from '@/lib/good-job/types';
import type { JobRow } from '@/lib/jobs/types';
import { Icon } from '../ui/icon';

export const STATE_CLASSES: Record<JobState, { badge: string; fill: string; swatch: string }> = {
  scheduled: {
    badge: 'bg-scheduled-wash text-scheduled',
    fill: 'fill-scheduled',
    swatch: 'bg-scheduled',
  },
  retried: { badge: 'bg-retried-wash text-retried', fill: 'fill-retried', swatch: 'bg-retried' },
  queued: { badge: 'bg-queued-wash text-queued', fill: 'fill-queued', swatch: 'bg-queued' },
  running: { badge: 'bg-running-wash text-running', fill: 'fill-running', swatch: 'bg-running' },
  succeeded: {
    badge: 'bg-succeeded-wash text-succeeded',
    fill: 'fill-succeeded',
    swatch: 'bg-succeeded',
  },
  discarded: {
    badge: 'bg-discarded-wash text-discarded',
    fill: 'fill-discarded',
    swatch: 'bg-discarded',
  },
};

/** A state as colour, icon and text. */
export function StateBadge({ state }: { state: JobState }) {
  const t = useTranslations('states');
  return (
    <span className={`badge ${STATE_CLASSES[state].badge}`}>
      <Icon name={state} className="size-3.5" />
      {t(state)}
    </span>
  );
}

/** Marks a paused job or one with a lost worker. */
export function StateRefinements({ paused, lostWorker }: { paused: boolean; lostWorker: boolean }) {
  const t = useTranslations('states');
  if (!paused && !lostWorker) return null;
  return (
    <span
      title={t(paused ? 'pausedHint' : 'lostWorkerHint')}
      className="inline-flex items-center gap-1 text-sm whitespace-nowrap text-warn"
    >
      <Icon name={paused ? 'paused' : 'lost'} className="size-3.5" />
      {t(paused ? 'paused' : 'lostWorker')}
    </span>
  );
}

/** How a discarded job failed, if the error event adds to the state. */
export function ErrorEventNote({
  job: { state, errorEvent },
}: {
  job: Pick<JobRow, 'state' | 'errorEvent'>;
}) {
  const t = useTranslations('errorEvents');
  if (state !== 'discarded' || !errorEvent || errorEvent === 'discarded') return null;
  return <span className="text-xs text-soft">{t(errorEvent)}</span>;
}
