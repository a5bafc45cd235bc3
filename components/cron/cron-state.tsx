import { useTranslations } from 'next-intl';
import type { CronRow } from '@/lib/cron/types';
import { Icon } from '../ui/icon';

/** Whether a key is enabled; one that CRON_FILE does not have is neither. */
export function CronStateBadge({
  row: { enabled, configured },
  fileGiven,
}: {
  row: Pick<CronRow, 'enabled' | 'configured'>;
  fileGiven: boolean;
}) {
  const t = useTranslations('cron');
  if (fileGiven && !configured)
    return (
      <span className="badge rounded-md bg-sunken whitespace-normal text-soft">{t('absent')}</span>
    );
  return (
    <span
      className={`badge ${enabled ? 'bg-succeeded-wash text-succeeded' : 'bg-warn-wash text-warn'}`}
    >
      <Icon name={enabled ? 'succeeded' : 'paused'} className="size-3.5" />
      {t(enabled ? 'enabled' : 'disabled')}
    </span>
  );
}
