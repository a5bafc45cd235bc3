import { useTranslations } from 'next-intl';
import type { ProcessState } from '@/lib/good-job/processes';
import { Icon } from '../ui/icon';

const STATE_STYLES = {
  live: { icon: 'succeeded', classes: 'px-0 text-soft' },
  stale: { icon: 'clock', classes: 'bg-warn-wash text-warn' },
  dead: { icon: 'lost', classes: 'bg-discarded-wash text-discarded' },
  unknown: { icon: 'help', classes: 'bg-sunken text-soft' },
} as const;

/** The state of a process as colour, icon and text. */
export function ProcessStateBadge({ state }: { state: ProcessState }) {
  const t = useTranslations('processes');
  return (
    <span title={t(`hints.${state}`)} className={`badge ${STATE_STYLES[state].classes}`}>
      <Icon name={STATE_STYLES[state].icon} className="size-3.5" />
      {t(`states.${state}`)}
    </span>
  );
}
