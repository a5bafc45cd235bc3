'use client';

import { useTranslations } from 'next-intl';
import type { BatchProgress } from '@/lib/batches/types';
import type { JobState } from '@/lib/good-job/types';
import { STATE_CLASSES } from '../jobs/state-badge';
import { useCount } from '../quantities';
import { StackedBar } from '../ui/stacked-bar';

/** Finished states first, then running, then waiting. */
export const PROGRESS_ORDER: JobState[] = [
  'succeeded',
  'discarded',
  'running',
  'queued',
  'retried',
  'scheduled',
];

export function ProgressBar({ progress }: { progress: BatchProgress }) {
  const t = useTranslations('batch');
  const count = useCount();
  const { states, total } = progress;
  if (!states || total === 0) return null;
  const segments = PROGRESS_ORDER.map((state) => ({
    key: state,
    share: states[state] / total,
    className: STATE_CLASSES[state].fill,
  }));
  return (
    <StackedBar
      segments={segments}
      label={t('progressLabel', {
        done: count(states.succeeded + states.discarded),
        total: count(total),
      })}
    />
  );
}
