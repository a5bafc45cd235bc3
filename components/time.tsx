'use client';

import { useFormatter, useNow, useTranslations } from 'next-intl';
import { instantMs } from '@/lib/core/text';
import { useAbsoluteTime } from './absolute-time';

const UPDATE_INTERVAL_MS = 10_000;

/** Removes the space that ICU puts between a number and its Japanese counter. */
function removeCounterSpace(text: string): string {
  return text.replace(/(\d) (?=[^\x00-\x7f])/g, '$1');
}

interface Props {
  /** UTC. */
  iso: string;
  /** A time that is now or has passed is still to come. */
  isUpcoming?: boolean;
  /** Abbreviates the unit. */
  isShort?: boolean;
}

/**
 * A relative time with the absolute one as its title, without a tab stop because lists have
 * hundreds.
 */
export function RelativeTime({ iso, isUpcoming = false, isShort = false }: Props) {
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
        : removeCounterSpace(format.relativeTime(instant, { now: updatedAt, style }))}
    </time>
  );
}
