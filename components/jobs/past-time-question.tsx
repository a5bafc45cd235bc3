'use client';

import { useTranslations } from 'next-intl';
import { useAbsoluteTime } from '../absolute-time';
import { Banner } from '../ui/banner';

/** Asks to confirm a past time; the second submit carries that time as its confirmation. */
export function PastTimeQuestion({ at }: { at: string }) {
  const t = useTranslations('actions.reschedule');
  const absolute = useAbsoluteTime();
  return (
    <div className="mt-3">
      <input type="hidden" name="past" value={at} />
      <Banner tone="warning" role="status">
        {t('past', { time: absolute(at) })}
      </Banner>
    </div>
  );
}
