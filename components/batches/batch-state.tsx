import { useTranslations } from 'next-intl';
import type { BatchRow, BatchState } from '@/lib/batches/types';
import { Icon } from '../ui/icon';

type DisplayedState = BatchState | 'stalled' | 'unfinished';

const DOTS: Record<Exclude<DisplayedState, 'stalled' | 'discarded'>, string> = {
  pending: 'bg-scheduled',
  running: 'bg-running',
  unfinished: 'bg-queued',
  finished: 'bg-succeeded',
};

/** `isStalled` null: it is unknown whether a job can run, so the batch is not called running. */
function progressState(batch: BatchRow, isStalled: boolean | null): keyof typeof DOTS | 'stalled' {
  if (batch.finishedAt) return 'finished';
  if (!batch.enqueuedAt) return 'pending';
  if (isStalled === null) return 'unfinished';
  return isStalled ? 'stalled' : 'running';
}

/** The state of a batch; a second badge marks a batch with discarded jobs. */
export function BatchStateBadge({
  batch,
  stalled,
  discarded = 0,
}: {
  batch: BatchRow;
  stalled: boolean | null;
  /** The number of discarded jobs, if it was counted. */
  discarded?: number;
}) {
  const t = useTranslations('batchStates');
  const state = progressState(batch, stalled);
  return (
    <>
      {state === 'stalled' ? (
        <span className="pill bg-warn-wash text-warn">
          <Icon name="warning" className="size-3.5" />
          {t(state)}
        </span>
      ) : (
        <span className="inline-flex items-center gap-1.5 whitespace-nowrap">
          <span aria-hidden="true" className={`dot ${DOTS[state]}`} />
          {t(state)}
        </span>
      )}
      {(batch.discardedAt !== null || discarded > 0) && (
        <span className="pill bg-discarded-wash text-discarded">{t('discarded')}</span>
      )}
    </>
  );
}
