'use client';

import { useFormatter, useTranslations } from 'next-intl';
import { useMemo, useRef, useSyncExternalStore } from 'react';
import type { BatchRow, BatchTimeline as Timeline, TimelineBar } from '@/lib/batches/types';
import { useHref } from '../application';
import { STATE_CLASSES } from '../jobs/state-badge';
import { Link } from '../navigation';
import { useOnScreen, usePollingQuery } from '../polling/use-polling-query';
import { useCount, useDuration } from '../quantities';
import { fetchJson } from '../requests';
import { useAbsoluteTime } from '../time';

const WIDE = '(min-width: 100rem)';
const HEIGHT = 160;
const WIDTH = 1_000;
/** Height of a bar when there are few. */
const MAX_BAR_HEIGHT = 14;
const MIN_BAR_SIZE = 2;
const TICKS = 5;
const DAY_MS = 86_400_000;
const LONGEST_SHOWN = 3;

function subscribe(onChange: () => void): () => void {
  const query = window.matchMedia(WIDE);
  query.addEventListener('change', onChange);
  return () => query.removeEventListener('change', onChange);
}

/**
 * The jobs of a batch as bars over time, on wide screens only: one bar a job, or one for several
 * jobs of a large batch. Fetched by the browser, because other screens never need it.
 */
export function BatchTimeline({ batch }: { batch: BatchRow }) {
  const t = useTranslations('batch.timeline');
  const isWide = useSyncExternalStore(
    subscribe,
    () => window.matchMedia(WIDE).matches,
    () => false,
  );
  return (
    <section
      aria-labelledby="timeline"
      className="js-only mt-3 hidden card min-h-64 px-4 py-3 min-[100rem]:block"
    >
      <h2 id="timeline" className="card-title">
        {t('title')}
      </h2>
      {isWide && <PolledTimeline batch={batch} />}
    </section>
  );
}

function PolledTimeline({ batch }: { batch: BatchRow }) {
  const t = useTranslations();
  const href = useHref();
  const box = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(box);
  const { data, error } = usePollingQuery({
    key: ['batch-timeline', batch.id],
    fetch: (signal) => fetchJson<Timeline>(href(`/api/batches/${batch.id}/timeline`), signal),
    enabled: onScreen && batch.finishedAt === null,
  });
  return (
    <div ref={box} className="mt-1">
      {data && <TimelineChart timeline={data} />}
      {!data && error && <p className="text-danger">{t('errors.partial')}</p>}
    </div>
  );
}

/** The end of a bar: now for a running job, its due time for a waiting one. */
function endOf({ state, from, to }: TimelineBar, now: number): number {
  if (to !== null) return Math.max(from, to);
  return state === 'running' || state === 'discarded' || from < now ? Math.max(from, now) : from;
}

/** The scale of the chart: jobs due far in the future are drawn at its end. */
function rangeOf({ bars, now }: Timeline): { from: number; to: number } {
  const from = Math.min(...bars.map((bar) => bar.from));
  const past = bars.filter((bar) => bar.from <= now);
  const lastEnd = Math.max(from, ...past.map((bar) => endOf(bar, now)));
  const nextDue = Math.max(lastEnd, ...bars.map((bar) => bar.from));
  const to = Math.min(nextDue, lastEnd + Math.max((lastEnd - from) / 4, 60_000));
  return { from, to: Math.max(to, from + 1) };
}

function TimelineChart({ timeline }: { timeline: Timeline }) {
  const t = useTranslations('batch.timeline');
  const count = useCount();
  const absolute = useAbsoluteTime();
  const { bars, now, jobs, isSample } = timeline;
  const range = useMemo(() => rangeOf(timeline), [timeline]);
  if (bars.length === 0) return <p className="text-soft">{t('empty')}</p>;
  const isGrouped = bars.length < jobs;
  const iso = (ms: number) => new Date(ms).toISOString();
  const barHeight = Math.min(MAX_BAR_HEIGHT, HEIGHT / bars.length);
  const x = (ms: number) =>
    Math.min(1, Math.max(0, (ms - range.from) / (range.to - range.from))) * WIDTH;
  return (
    <>
      <p className="mb-2 text-soft">
        {isSample && `${t('sample', { number: count(jobs) })} · `}
        {isGrouped
          ? t('grouped', {
              number: count(jobs),
              size: count(Math.max(...bars.map((bar) => bar.jobs))),
            })
          : t('single')}
      </p>
      <svg
        role="img"
        aria-label={t('label', {
          number: count(jobs),
          from: absolute(iso(range.from)),
          to: absolute(iso(range.to)),
        })}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="block h-40 w-full"
      >
        {Array.from({ length: TICKS }, (_, n) => (
          <line
            key={n}
            x1={(n / (TICKS - 1)) * WIDTH}
            x2={(n / (TICKS - 1)) * WIDTH}
            y1="0"
            y2={HEIGHT}
            vectorEffect="non-scaling-stroke"
            className="stroke-line"
          />
        ))}
        {bars.map((bar, n) => {
          const end = x(endOf(bar, now));
          const start = Math.min(x(bar.from), WIDTH - MIN_BAR_SIZE);
          return (
            <rect
              key={n}
              x={start}
              y={n * barHeight}
              width={Math.max(MIN_BAR_SIZE, end - start)}
              height={Math.max(MIN_BAR_SIZE, barHeight * 0.8)}
              className={STATE_CLASSES[bar.state].fill}
            />
          );
        })}
      </svg>
      <Axis from={range.from} to={range.to} />
      <Longest bars={bars} now={now} />
    </>
  );
}

function Axis({ from, to }: { from: number; to: number }) {
  const format = useFormatter();
  const isLong = to - from > DAY_MS;
  return (
    <div aria-hidden="true" className="mt-1 flex justify-between text-xs text-faint">
      {Array.from({ length: TICKS }, (_, n) => (
        <span key={n}>
          {format.dateTime(new Date(from + ((to - from) * n) / (TICKS - 1)), {
            hourCycle: 'h23',
            hour: '2-digit',
            minute: '2-digit',
            ...(isLong ? { month: '2-digit', day: '2-digit' } : { second: '2-digit' }),
          })}
        </span>
      ))}
    </div>
  );
}

/** Links to the jobs that ran longest; none for bars of several jobs. */
function Longest({ bars, now }: { bars: TimelineBar[]; now: number }) {
  const t = useTranslations();
  const duration = useDuration();
  const longest = bars
    .flatMap((bar) =>
      bar.id !== null && (bar.to !== null || bar.state === 'running')
        ? [{ id: bar.id, state: bar.state, ms: endOf(bar, now) - bar.from }]
        : [],
    )
    .sort((a, b) => b.ms - a.ms)
    .slice(0, LONGEST_SHOWN);
  if (longest.length === 0) return null;
  return (
    <p className="mt-1.5 flex flex-wrap gap-x-4">
      <span className="text-soft">{t('batch.timeline.longest')}</span>
      {longest.map(({ id, state, ms }) => (
        <span key={id} className="inline-flex items-center gap-1.5">
          <span aria-hidden="true" className={`dot ${STATE_CLASSES[state].swatch}`} />
          <Link href={`/jobs/${id}`} prefetch={false} className="font-mono text-ink">
            {id.slice(0, 8)}
          </Link>
          <span className="text-soft">
            {duration(ms / 1000)} · {t(`states.${state}`)}
          </span>
        </span>
      ))}
    </p>
  );
}
