'use client';

import { useLocale, useTimeZone } from 'next-intl';
import { instantMs } from '@/lib/core/text';

/** Zone abbreviations that Intl lacks: it prints `GMT+9` for Tokyo in most locales. */
const ZONE_NAMES: Record<string, string> = { 'Asia/Tokyo': 'JST' };

/** Cached because a DateTimeFormat costs more to construct than to use a hundred times. */
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

/** Returns the short name of a time zone at an instant, such as `JST` or `GMT+1`. */
export function zoneName(zone: string, at: Date): string {
  const parts = formatFor(zone).formatToParts(at);
  return ZONE_NAMES[zone] ?? parts.find(({ type }) => type === 'timeZoneName')?.value ?? zone;
}

/**
 * Returns a formatter for absolute times with their zone:
 * `2026-11-23 21:03:04 JST`, in Japanese `2026/11/23 21:03:04 JST`.
 */
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

export function AbsoluteTime({ iso }: { iso: string }) {
  const absolute = useAbsoluteTime();
  return (
    <time dateTime={iso} className="whitespace-nowrap">
      {absolute(iso)}
    </time>
  );
}
