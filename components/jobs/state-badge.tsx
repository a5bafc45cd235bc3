import { useTranslations } from 'next-intl';
import type { JobState } from '@/lib/good-job/types';
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

/** A state as a dot and a word; only what is wrong is a pill, and success is a grey tick. */
export function StateBadge({ state }: { state: JobState }) {
  const t = useTranslations('states');
  if (state === 'discarded')
    return (
      <span className="pill bg-discarded-wash text-discarded">
        <Icon name="discarded" className="size-3" />
        {t(state)}
      </span>
    );
  return (
    <span className={`state ${state === 'succeeded' ? 'text-soft' : ''}`}>
      {state === 'succeeded' ? (
        <Icon name="succeeded" className="size-3.5 text-faint" />
      ) : (
        <span aria-hidden="true" className={`dot ${STATE_CLASSES[state].swatch}`} />
      )}
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
      className={`pill ${paused ? 'bg-paused-wash text-paused' : 'bg-warn-wash text-warn'}`}
    >
      <Icon name={paused ? 'paused' : 'lost'} className="size-3" />
      {t(paused ? 'paused' : 'lostWorker')}
    </span>
  );
}
