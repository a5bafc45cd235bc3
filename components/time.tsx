'use client';

import { useFormatter, useNow } from 'next-intl';
import { instantMs } from '@/lib/core/text';
import { lazyScript } from './ui/lazy-script';
import { Tooltip } from './ui/tooltip';

// Formatted when it is looked at, not with the list.
const AbsoluteTime = lazyScript(() =>
  import('./absolute-time').then(({ AbsoluteTime: component }) => ({ default: component })),
);

/** How often relative times move on, ms. */
const TICK = 10_000;

/** Japanese sets no space between a number and its counter; ICU's data does. */
function closeUp(text: string): string {
  return text.replace(/(\d) (?=[^\x00-\x7f])/g, '$1');
}

/** Relative in the cell; absolute with its zone on hover and focus. `iso` is UTC. */
export function RelativeTime({ iso }: { iso: string }) {
  const format = useFormatter();
  const ticked = useNow({ updateInterval: TICK });
  const date = new Date(instantMs(iso));
  // Rows come between two ticks: what has just happened must not be told as what is to come.
  const now = date > ticked && date.getTime() - ticked.getTime() < TICK ? date : ticked;
  if (Number.isNaN(date.getTime())) return <span>{iso}</span>;
  return (
    <Tooltip content={<AbsoluteTime iso={iso} />}>
      <time dateTime={iso} tabIndex={0} className="whitespace-nowrap" suppressHydrationWarning>
        {closeUp(format.relativeTime(date, now))}
      </time>
    </Tooltip>
  );
}
