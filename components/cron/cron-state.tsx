import { useTranslations } from 'next-intl';
import type { CronRow } from '@/lib/cron/types';
import { Icon } from '../ui/icon';

/** Whether a key is enabled. */
export function CronStateBadge({ enabled }: Pick<CronRow, 'enabled'>) {
  const t = useTranslations('cron');
  return (
    <span className={`badge ${enabled ? 'bg-succeeded-wash text-succeeded' : 'bg-warn-wash text-warn'}`}>
      <Icon name={enabled ? 'succeeded' : 'paused'} className="size-3.5" />
      {t(enabled ? 'enabled' : 'disabled')}
    </span>
  );
}
