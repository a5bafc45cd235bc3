'use client';

import { useFormatter, useTranslations } from 'next-intl';
import { gatewayCode } from './action-failed';

/** A refresh failed: the old rows stay, and this says how old they are, or that the session has ended. `at`: ms. */
export function RefreshNote({ at, error }: { at: number; error: unknown }) {
  const t = useTranslations();
  const code = gatewayCode(error);
  const format = useFormatter();
  return (
    <p role="status" className="text-[13px] text-warn">
      {code && <>{t(`errors.${code}`)} </>}
      {t('live.failed', {
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
