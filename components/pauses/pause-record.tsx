import { useFormatter, useTranslations } from 'next-intl';
import type { PauseRecord } from '@/lib/audit/types';
import { instantMs } from '@/lib/core/text';
import { RelativeTime } from '../time';

/** Returns a formatter for the end of a pause in the viewer's zone: `Dec 1, 09:00`. */
export function useEndText(): (iso: string) => string {
  const format = useFormatter();
  return (iso) =>
    format.dateTime(new Date(instantMs(iso)), {
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
}

/** Who set a pause and when, why, and when it ends by itself. */
export function PauseRecordText({ record }: { record: PauseRecord }) {
  const t = useTranslations('pauses');
  const endText = useEndText();
  const { origin, endsAt } = record;
  return (
    <span className="inline-flex min-w-0 flex-wrap gap-x-3 any-break">
      {origin === null && <span>{t('originElsewhere')}</span>}
      {origin && (
        <span>
          {t.rich('origin', {
            viewer: origin.viewerName ?? origin.viewer,
            time: () => <RelativeTime iso={origin.at} />,
          })}
        </span>
      )}
      {origin?.mayBeReplaced && <span>{t('mayBeReplaced')}</span>}
      {origin?.reason && <span>{t('reason', { reason: origin.reason })}</span>}
      {endsAt && <span data-pause-end="">{t('endsAt', { time: endText(endsAt) })}</span>}
    </span>
  );
}
