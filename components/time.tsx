'use client';

import { useFormatter, useLocale, useNow, useTimeZone } from 'next-intl';
import { Tooltip } from './ui/tooltip';

/** How often relative times move on, ms. */
const TICK = 10_000;

/** Zones that a reader knows by a name of their own; Intl has `GMT+9` for them in most languages. */
const ZONE_NAMES: Record<string, string> = { 'Asia/Tokyo': 'JST' };

/** Making one costs more than a hundred uses. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });
    formats.set(zone, format);
  }
  return format;
}

/** Absolute, with its zone: `2026-11-23 21:03:04 JST`, in Japanese `2026/11/23 21:03:04 JST`. */
export function useAbsoluteTime(): (iso: string) => string {
  const locale = useLocale();
  const zone = useTimeZone() ?? 'UTC';
  return (iso) => {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return iso;
    const parts = formatFor(zone).formatToParts(date);
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((p) => p.type === type)?.value ?? '';
    const day = [part('year'), part('month'), part('day')].join(locale === 'ja' ? '/' : '-');
    return `${day} ${part('hour')}:${part('minute')}:${part('second')} ${ZONE_NAMES[zone] ?? part('timeZoneName')}`;
  };
}

/** Japanese sets no space between a number and its counter; ICU's data does. */
function closeUp(text: string): string {
  return text.replace(/(\d) (?=[^\x00-\x7f])/g, '$1');
}

/** Relative in the cell; absolute with its zone on hover and focus. `iso` is UTC. */
export function RelativeTime({ iso }: { iso: string }) {
  const format = useFormatter();
  const ticked = useNow({ updateInterval: TICK });
  const date = new Date(iso);
  // Rows come between two ticks: what has just happened must not be told as what is to come.
  const now = date > ticked && date.getTime() - ticked.getTime() < TICK ? date : ticked;
  if (Number.isNaN(date.getTime())) return <span>{iso}</span>;
  return (
    <Tooltip content={<AbsoluteText iso={iso} />}>
      <time dateTime={iso} tabIndex={0} className="whitespace-nowrap" suppressHydrationWarning>
        {closeUp(format.relativeTime(date, now))}
      </time>
    </Tooltip>
  );
}

/** A tooltip's content: formatted when it is opened, not with the list. */
function AbsoluteText({ iso }: { iso: string }) {
  return useAbsoluteTime()(iso);
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
