import { useTimeZone, useTranslations } from 'next-intl';
import { useState } from 'react';
import { isPastMinute, utcToZoned, zonedToUtc } from '@/lib/core/locale';
import { useAbsoluteTime } from '../absolute-time';

const HOUR_MS = 3_600_000;

/**
 * The time of RescheduleFields in the viewer's zone. `timeOf` returns it in UTC, or null for now;
 * `problemOf` returns why it is rejected, and accepts a past time when it is submitted again.
 */
export function useRescheduleTime() {
  const t = useTranslations('actions.reschedule');
  const absolute = useAbsoluteTime();
  const zone = useTimeZone() ?? 'UTC';
  const [suggestedTime] = useState(() => utcToZoned(Date.now() + HOUR_MS, zone));
  const [confirmedPastTime, setConfirmedPastTime] = useState<string | null>(null);
  const hasTime = (form: FormData) => form.get('when') === 'at';
  const timeOf = (form: FormData) =>
    hasTime(form) ? zonedToUtc(String(form.get('at')), zone) : null;
  const problemOf = (form: FormData): string | null => {
    if (!hasTime(form)) return null;
    const time = timeOf(form);
    if (!time) return t('badTime');
    if (time === confirmedPastTime || !isPastMinute(time, Date.now())) return null;
    setConfirmedPastTime(time);
    return t('past', { time: absolute(time) });
  };
  return { zone, suggestedTime, timeOf, problemOf };
}
