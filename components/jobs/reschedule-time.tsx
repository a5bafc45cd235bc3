'use client';

import { useTimeZone, useTranslations } from 'next-intl';
import { useState } from 'react';
import { isPastMinute, presetTime, rescheduleDefaults, zonedToUtc } from '@/lib/core/locale';
import { useAbsoluteTime } from '../time';
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

/**
 * The time of RescheduleFields in the viewer's zone. `fields` are its properties; `timeOf` returns
 * the chosen time in UTC, or null for now; `problemOf` returns why it is rejected, and accepts a
 * past time when it is submitted again.
 */
export function useRescheduleTime() {
  const t = useTranslations('actions.reschedule');
  const absolute = useAbsoluteTime();
  const zone = useTimeZone() ?? 'UTC';
  const [fields] = useState(() => rescheduleDefaults(Date.now(), zone));
  const [confirmedPastTime, setConfirmedPastTime] = useState<string | null>(null);
  const choiceOf = (form: FormData) => String(form.get('when') ?? 'now');
  const timeOf = (form: FormData) => {
    const choice = choiceOf(form);
    return choice === 'at'
      ? zonedToUtc(String(form.get('at')), zone)
      : presetTime(choice, Date.now(), zone);
  };
  const problemOf = (form: FormData): string | null => {
    if (choiceOf(form) === 'now' || !form.has('when')) return null;
    const time = timeOf(form);
    if (!time) return t('badTime');
    if (time === confirmedPastTime || !isPastMinute(time, Date.now())) return null;
    setConfirmedPastTime(time);
    return t('past', { time: absolute(time) });
  };
  return { fields, timeOf, problemOf };
}
