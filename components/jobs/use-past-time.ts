import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { isPastMinute } from '@/lib/core/locale';
import { useAbsoluteTime } from '../absolute-time';

/** Asks once about a time that has passed: returns the question, null where the time is to come or was confirmed. */
export function usePastTime(): (at: string | null) => string | null {
  const t = useTranslations('actions.reschedule');
  const absolute = useAbsoluteTime();
  const [pastTime, setPastTime] = useState<string | null>(null);
  return (at) => {
    if (at === null || at === pastTime || !isPastMinute(at, Date.now())) return null;
    setPastTime(at);
    return t('past', { time: absolute(at) });
  };
}
