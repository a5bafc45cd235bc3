import { useTranslations } from 'next-intl';
import type { BatchRow, BatchState } from '@/lib/batches/types';
import { Icon, type IconName } from '../ui/icon';

const LOOKS: Record<BatchState, { className: string; icon: IconName }> = {
  pending: { className: 'bg-queued-wash text-queued', icon: 'queued' },
  running: { className: 'bg-running-wash text-running', icon: 'running' },
  finished: { className: 'bg-succeeded-wash text-succeeded', icon: 'succeeded' },
  discarded: { className: 'bg-discarded-wash text-discarded', icon: 'discarded' },
};

/** Where a batch is in its life; that a job of it was discarded is said beside it. */
function lifeOf(batch: BatchRow): Exclude<BatchState, 'discarded'> {
  if (batch.finishedAt) return 'finished';
  return batch.enqueuedAt ? 'running' : 'pending';
}

export function BatchStateBadge({ batch }: { batch: BatchRow }) {
  const t = useTranslations('batchStates');
  const states: BatchState[] = batch.discardedAt ? [lifeOf(batch), 'discarded'] : [lifeOf(batch)];
  return states.map((state) => (
    <span key={state} className={`badge ${LOOKS[state].className}`}>
      <Icon name={LOOKS[state].icon} className="size-3.5" />
      {t(state)}
    </span>
  ));
}
