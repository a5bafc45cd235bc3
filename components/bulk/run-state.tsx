import { useTranslations } from 'next-intl';
import type { RunState } from '@/lib/bulk/types';
import { Icon, type IconName } from '../ui/icon';

const STATE_STYLES: Record<RunState, { icon: IconName; className: string }> = {
  running: { icon: 'running', className: 'bg-running-wash text-running' },
  interrupted: { icon: 'warning', className: 'bg-warn-wash text-warn' },
  paused: { icon: 'paused', className: 'bg-warn-wash text-warn' },
  cancelled: { icon: 'discarded', className: 'bg-queued-wash text-queued' },
  refused: { icon: 'warning', className: 'bg-danger-wash text-danger' },
  finished: { icon: 'succeeded', className: 'bg-succeeded-wash text-succeeded' },
};

export function RunStateBadge({ state }: { state: RunState }) {
  const t = useTranslations('bulk.states');
  return (
    <span className={`badge ${STATE_STYLES[state].className}`}>
      <Icon name={STATE_STYLES[state].icon} className="size-3.5" />
      {t(state)}
    </span>
  );
}
