'use client';

import { useFormatter, useTranslations } from 'next-intl';
import { gatewayCode } from '../action-failed';

/** Says that polling failed and when the data was current. `at` is in epoch ms. */
export function RefreshNote({ at, error }: { at: number; error: unknown }) {
  const t = useTranslations();
  const code = gatewayCode(error);
  const format = useFormatter();
  return (
    <p role="status" className="text-sm text-warn">
      {code && <>{t(`errors.${code}`)} </>}
      {t('polling.failed', {
        time: format.dateTime(new Date(at), {
          hour: '2-digit',
          minute: '2-digit',
          second: '2-digit',
          hourCycle: 'h23',
          timeZoneName: 'short',
        }),
      })}
    </p>
  );
}
