'use client';

import { useFormatter, useNow } from 'next-intl';
import { instantMs } from '@/lib/core/text';
import { lazyScript } from './ui/lazy-script';
import { Tooltip } from './ui/tooltip';

// Loaded on demand, because a list can render hundreds of these elements.
const AbsoluteTime = lazyScript(() =>
  import('./absolute-time').then(({ AbsoluteTime: component }) => ({ default: component })),
);

const UPDATE_INTERVAL_MS = 10_000;

/** Removes the space that ICU puts between a number and its Japanese counter. */
function removeCounterSpace(text: string): string {
  return text.replace(/(\d) (?=[^\x00-\x7f])/g, '$1');
}

interface Props {
  /** UTC. */
  iso: string;
  /** -1 where arrow keys move the focus. */
  tabIndex?: 0 | -1;
  /** Abbreviates the unit. */
  isShort?: boolean;
}

/** A relative time, with the absolute one as a tooltip. */
export function RelativeTime({ iso, tabIndex = 0, isShort = false }: Props) {
  const format = useFormatter();
  const updatedAt = useNow({ updateInterval: UPDATE_INTERVAL_MS });
  const date = new Date(instantMs(iso));
  // `updatedAt` lags by up to UPDATE_INTERVAL_MS, so a new row's time may be later than it; that
  // time must not be displayed as in the future.
  const now =
    date > updatedAt && date.getTime() - updatedAt.getTime() < UPDATE_INTERVAL_MS
      ? date
      : updatedAt;
  if (Number.isNaN(date.getTime())) return <span>{iso}</span>;
  return (
    <Tooltip content={<AbsoluteTime iso={iso} />}>
      <time
        dateTime={iso}
        tabIndex={tabIndex}
        className="whitespace-nowrap"
        suppressHydrationWarning
      >
        {removeCounterSpace(format.relativeTime(date, { now, style: isShort ? 'narrow' : 'long' }))}
      </time>
    </Tooltip>
  );
}
