import { useTranslations } from 'next-intl';
import type { BatchRow, BatchState } from '@/lib/batches/types';
import { Icon, type IconName } from '../ui/icon';

const BADGES: Record<BatchState | 'stalled', { className: string; icon: IconName }> = {
  pending: { className: 'bg-queued-wash text-queued', icon: 'queued' },
  running: { className: 'bg-running-wash text-running', icon: 'running' },
  stalled: { className: 'bg-warn-wash text-warn', icon: 'warning' },
  finished: { className: 'bg-succeeded-wash text-succeeded', icon: 'succeeded' },
  discarded: { className: 'bg-discarded-wash text-discarded', icon: 'discarded' },
};

function progressState(batch: BatchRow, isStalled: boolean): BatchState | 'stalled' {
  if (batch.finishedAt) return 'finished';
  if (!batch.enqueuedAt) return 'pending';
  return isStalled ? 'stalled' : 'running';
}

/** The state of a batch; a second badge marks a batch with discarded jobs. */
export function BatchStateBadge({ batch, stalled }: { batch: BatchRow; stalled: boolean }) {
  const t = useTranslations('batchStates');
  const progress = progressState(batch, stalled);
  const states: (BatchState | 'stalled')[] = batch.discardedAt
    ? [progress, 'discarded']
    : [progress];
  return states.map((state) => (
    <span key={state} className={`badge ${BADGES[state].className}`}>
      <Icon name={BADGES[state].icon} className="size-3.5" />
      {t(state)}
    </span>
  ));
}
