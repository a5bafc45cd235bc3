'use client';

import { useFormatter, useTranslations } from 'next-intl';

/** A refresh failed: the old rows stay, and this says how old they are. `at`: ms. */
export function RefreshNote({ at }: { at: number }) {
  const t = useTranslations('live');
  const format = useFormatter();
  return (
    <p role="status" className="text-[13px] text-warn">
      {t('failed', { time: format.dateTime(new Date(at), { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short' }) })}
    </p>
  );
}
