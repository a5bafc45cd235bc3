import { useTranslations } from 'next-intl';
import { type PointerEvent, memo } from 'react';
import { type Activity, type QueueWaits, RANGES, type Range } from '@/lib/overview/types';
import { queueJobsHref } from '@/lib/queues/filters';
import { Link } from '../navigation';
import { useDuration } from '../quantities';
import { Icon } from '../ui/icon';
import type { Crosshair } from './activity-chart';
import { useBarTime } from './bars';

/** Lower bounds of the colours in seconds; the first colour is for shorter waits. */
const LEVELS = [1, 10, 60, 600, 3_600] as const;
const FILLS = ['heat-0', 'heat-1', 'heat-2', 'heat-3', 'heat-4', 'heat-5'] as const;
const ROW_HEIGHT = 20;

const fillOf = (seconds: number): string =>
  FILLS[LEVELS.filter((level) => seconds >= level).length] ?? FILLS[0];

/** The wait of each queue over time: one row a queue, a colour for each order of magnitude. */
export function HeatStrip({
  activity,
  range,
  hover,
  onHover,
}: { activity: Activity; range: Range } & Crosshair) {
  const t = useTranslations('overview.heat');
  const text = useTranslations('overview');
  const { seconds, cellBuckets, buckets } = RANGES[range];
  const cellCount = buckets / cellBuckets;
  const hoverCell = hover === null ? null : Math.floor(hover / cellBuckets);
  const onPointerMove = ({ currentTarget, clientX }: PointerEvent) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    const bar = Math.floor(((clientX - left) / width) * buckets);
    onHover(Math.max(0, Math.min(buckets - 1, bar)));
  };
  return (
    <figure aria-label={t('title')} className="flex min-h-0 flex-1 flex-col">
      <figcaption className="mb-2 flex flex-wrap items-baseline gap-x-2">
        <h2 className="card-title">{t('title')}</h2>
        <span className="text-xs text-faint">
          {t('unit', { minutes: (seconds * cellBuckets) / 60 })}
        </span>
        <Link
          href="/queues"
          prefetch={false}
          className="ml-auto inline-flex min-h-6 items-center text-xs text-soft hover:text-ink"
        >
          {text('all')}
          <span className="sr-only">: {t('title')}</span>
        </Link>
      </figcaption>
      {activity.queues.length === 0 && <p className="text-soft">{t('empty')}</p>}
      <ul className="flex flex-col gap-2">
        {activity.queues.map((queue, n) => (
          <li
            key={n}
            data-heat={queue.name}
            className="grid grid-cols-[6.5rem_minmax(0,1fr)_5rem] items-center gap-x-2"
          >
            <QueueName queue={queue} />
            <div onPointerMove={onPointerMove} onPointerLeave={() => onHover(null)}>
              <svg aria-hidden="true" width="100%" height={ROW_HEIGHT} className="block">
                <Cells queue={queue} />
                {hoverCell !== null && (
                  <rect
                    x={`${(hoverCell * 100) / cellCount}%`}
                    width={`${100 / cellCount}%`}
                    height={ROW_HEIGHT}
                    className="fill-none stroke-ink"
                  />
                )}
              </svg>
            </div>
            <Wait queue={queue} cell={hoverCell} />
          </li>
        ))}
      </ul>
      <Scale />
      <HeatTable activity={activity} range={range} />
    </figure>
  );
}

const Cells = memo(function Cells({ queue: { cells } }: { queue: QueueWaits }) {
  const width = 100 / cells.length;
  return cells.map((wait, n) => (
    <rect
      key={n}
      x={`${(n * width + width * 0.06).toFixed(3)}%`}
      width={`${(width * 0.88).toFixed(3)}%`}
      height={ROW_HEIGHT}
      rx="2"
      className={wait === null ? 'fill-sunken' : fillOf(wait)}
    />
  ));
});

function QueueName({ queue: { name, paused } }: { queue: QueueWaits }) {
  const states = useTranslations('states');
  const href = queueJobsHref(name, {});
  return (
    <span className="flex min-w-0 items-center gap-1">
      {href ? (
        <Link
          href={href}
          prefetch={false}
          title={name}
          className="min-w-0 truncate no-underline hover:underline"
        >
          {name}
        </Link>
      ) : (
        <span className="min-w-0 truncate">{name || '""'}</span>
      )}
      {paused && (
        <span title={states('paused')} className="inline-flex text-paused">
          <Icon name="paused" className="size-3" />
          <span className="sr-only">{states('paused')}</span>
        </span>
      )}
    </span>
  );
}

/** The wait at the crosshair, else the newest one. */
function Wait({ queue: { cells }, cell }: { queue: QueueWaits; cell: number | null }) {
  const duration = useDuration();
  const never = useTranslations('time')('never');
  const wait = cell === null ? cells.findLast((value) => value !== null) : cells[cell];
  return (
    <span className="text-right text-xs whitespace-nowrap">
      {wait === null || wait === undefined ? never : duration(wait)}
    </span>
  );
}

/** The colours and their bounds. */
function Scale() {
  const t = useTranslations('overview.heat');
  const duration = useDuration();
  return (
    <div className="mt-auto flex flex-wrap items-center gap-x-2 gap-y-0.5 pt-2 text-xs text-faint">
      {FILLS.map((fill, n) => {
        const level = LEVELS[n - 1];
        return (
          <span key={fill} className="inline-flex items-center gap-1">
            <svg aria-hidden="true" width="10" height="10">
              <rect width="10" height="10" rx="2" className={fill} />
            </svg>
            {level === undefined
              ? t('below', { time: duration(LEVELS[0]) })
              : t('from', { time: duration(level) })}
          </span>
        );
      })}
    </div>
  );
}

/** The strip as a table. */
function HeatTable({ activity, range }: { activity: Activity; range: Range }) {
  const t = useTranslations('overview.heat');
  const activityText = useTranslations('overview.activity');
  const duration = useDuration();
  const time = useBarTime(activity, range);
  const { cellBuckets, buckets } = RANGES[range];
  const cells = Array.from({ length: buckets / cellBuckets }, (_, n) => n).reverse();
  return (
    <details className="mt-1 text-xs" data-table="heat">
      <summary className="w-fit text-soft">{activityText('table')}</summary>
      <p className="py-1 text-soft">{t('hint')}</p>
      <div className="max-h-72 overflow-auto" tabIndex={0} role="group" aria-label={t('title')}>
        <table>
          <thead>
            <tr className="border-b border-line text-soft">
              <th scope="col" className="py-1 pr-2 text-left font-normal">
                {activityText('from')}
              </th>
              {activity.queues.map(({ name }, n) => (
                <th key={n} scope="col" className="max-w-32 truncate px-2 py-1 font-normal">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {cells.map((cell) => (
              <tr key={cell} className="border-b border-line last:border-0">
                <th scope="row" className="py-1 pr-2 text-left font-normal">
                  {time(cell * cellBuckets)}
                </th>
                {activity.queues.map((queue, n) => {
                  const wait = queue.cells[cell];
                  return (
                    <td key={n} className="px-2 py-1 text-right whitespace-nowrap">
                      {wait === null || wait === undefined ? '' : duration(wait)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
