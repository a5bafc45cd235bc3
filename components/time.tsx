'use client';

import { useFormatter, useLocale, useNow, useTimeZone, useTranslations } from 'next-intl';
import { instantMs } from '@/lib/core/text';

const UPDATE_INTERVAL_MS = 10_000;

/** Removes the space that ICU puts between a number and its Japanese counter. */
function removeCounterSpace(text: string): string {
  return text.replace(/(\d) (?=[^\x00-\x7f])/g, '$1');
}

interface RelativeTimeProps {
  /** UTC. */
  iso: string;
  /** A time that is now or has passed is still to come. */
  isUpcoming?: boolean;
  /** Abbreviates the unit. */
  isShort?: boolean;
}

const LONGER_UNITS_MS = [60_000, 3_600_000, 86_400_000];
/** Rounds to 59 of 60 and to 23 of 24. */
const MAX_SHARE = 0.979;

/** Without it, 59.6 seconds would be rounded to "60 seconds". */
function belowNextUnit(ms: number): number {
  const size = Math.abs(ms);
  const next = LONGER_UNITS_MS.find((unit) => size < unit);
  return next === undefined ? ms : Math.sign(ms) * Math.min(size, next * MAX_SHARE);
}

/**
 * A relative time with the absolute one as its title, without a tab stop because lists have
 * hundreds.
 */
export function RelativeTime({ iso, isUpcoming = false, isShort = false }: RelativeTimeProps) {
  const t = useTranslations('time');
  const format = useFormatter();
  const absolute = useAbsoluteTime();
  const updatedAt = useNow({ updateInterval: UPDATE_INTERVAL_MS });
  const instant = instantMs(iso);
  if (Number.isNaN(instant)) return <span>{iso}</span>;
  const aheadMs = instant - updatedAt.getTime();
  // `updatedAt` lags by up to UPDATE_INTERVAL_MS, so the time of a new row may be later than it;
  // that time must not be displayed as in the future.
  const isNew = aheadMs > 0 && aheadMs < UPDATE_INTERVAL_MS;
  const style = isShort ? 'narrow' : 'long';
  const isNow = isUpcoming ? aheadMs < UPDATE_INTERVAL_MS : isNew || Math.abs(aheadMs) < 1_000;
  return (
    <time
      dateTime={iso}
      title={absolute(iso)}
      className="whitespace-nowrap"
      suppressHydrationWarning
    >
      {isNow
        ? t(isUpcoming ? 'soon' : 'now')
        : removeCounterSpace(
            format.relativeTime(updatedAt.getTime() + belowNextUnit(aheadMs), {
              now: updatedAt,
              style,
            }),
          )}
    </time>
  );
}

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
