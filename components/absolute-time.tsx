'use client';

import { useLocale, useTimeZone } from 'next-intl';
import { instantMs } from '@/lib/core/text';

/** Zones that a reader knows by a name of their own; Intl has `GMT+9` for them in most languages. */
const ZONE_NAMES: Record<string, string> = { 'Asia/Tokyo': 'JST' };

/** Making one costs more than a hundred uses. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZoneName: 'short',
    });
    formats.set(zone, format);
  }
  return format;
}

/** Absolute, with its zone: `2026-11-23 21:03:04 JST`, in Japanese `2026/11/23 21:03:04 JST`. */
export function useAbsoluteTime(): (iso: string) => string {
  const locale = useLocale();
  const zone = useTimeZone() ?? 'UTC';
  return (iso) => {
    const date = new Date(instantMs(iso));
    if (Number.isNaN(date.getTime())) return iso;
    const parts = formatFor(zone).formatToParts(date);
    const part = (type: Intl.DateTimeFormatPartTypes) =>
      parts.find((p) => p.type === type)?.value ?? '';
    const day = [part('year'), part('month'), part('day')].join(locale === 'ja' ? '/' : '-');
    return `${day} ${part('hour')}:${part('minute')}:${part('second')} ${ZONE_NAMES[zone] ?? part('timeZoneName')}`;
  };
}

/** Absolute, with its zone. */
export function AbsoluteTime({ iso }: { iso: string }) {
  const absolute = useAbsoluteTime();
  return (
    <time dateTime={iso} className="whitespace-nowrap">
      {absolute(iso)}
    </time>
  );
}
