import { useTranslations } from 'next-intl';
import type { CronRow } from '@/lib/cron/types';
import { Icon } from '../ui/icon';

/** Whether a cron key is enabled, disabled or absent from CRON_FILE. */
export function CronStateBadge({
  row: { enabled, isConfigured },
  hasCronFile,
}: {
  row: Pick<CronRow, 'enabled' | 'isConfigured'>;
  hasCronFile: boolean;
}) {
  const t = useTranslations('cron');
  if (hasCronFile && !isConfigured)
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
