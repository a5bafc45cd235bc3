import { useTranslations } from 'next-intl';
import type { CronAction } from '@/lib/cron/mutations';
import type { CronRow } from '@/lib/cron/types';

/** The effect of an action on a cron key, shared by the dialog and the confirmation page. */
export function CronEffect({
  action,
  row,
}: {
  action: CronAction;
  row: Pick<CronRow, 'key' | 'jobClass' | 'isConfigured' | 'enabled'>;
}) {
  const t = useTranslations('cron');
  return (
    <>
      <dl className="mt-2">
        <dt className="sr-only">{t('key')}</dt>
        <dd className="font-mono text-sm break-all">{row.key}</dd>
        {row.jobClass && (
          <>
            <dt className="sr-only">{t('class')}</dt>
            <dd className="font-mono text-sm break-all text-soft">{row.jobClass}</dd>
          </>
        )}
      </dl>
      <p className="mt-2">{t(`${action}.effect`)}</p>
      {action === 'enqueue' && (
        <p className="mt-2">{t(row.isConfigured ? 'fromFile' : 'fromLastJob')}</p>
      )}
      {action === 'enqueue' && !row.enabled && <p className="mt-2">{t('enqueueDisabled')}</p>}
    </>
  );
}
