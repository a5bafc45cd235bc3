'use client';

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useFormatter, useTimeZone, useTranslations } from 'next-intl';
import { type KeyboardEvent, Suspense, useRef, useState } from 'react';
import {
  CHART_GROUPS,
  CHART_RANGES,
  type Chart,
  type ChartChoice,
  type ChartRange,
} from '@/lib/jobs/types';
import { fetchJson } from '../fetch-json';
import { usePollPart } from '../jobs/poll-parts';
import type { ChipTerm } from '../jobs/query-terms';
import { usePausePolling, useLive } from '../live';
import { useCount, useCountText } from '../quantities';
import { searchHref } from '../search/search-href';
import { timeTerm } from '../search/time-term';
import { Button } from '../ui/button';
import { lazyScript } from '../ui/lazy-script';
import { useOnScreen } from '../use-live-query';
import type { Span } from './chart-plot';
import { ChartTable } from './chart-table';
import { seriesStyle } from './series-style';

const ChartPlot = lazyScript(() => import('./chart-plot'));

/** How old a chart may be before a refresh brings another, ms. */
const DUE: Record<ChartRange, number> = { hour: 15_000, day: 60_000, week: 300_000 };

export interface ChartPanelProps {
  /** The list's filter as query parameters. */
  query: string;
  search: { path: string; params: Record<string, string>; chips: ChipTerm[] };
  /** What the filter limits the time of creation to, ms. */
  limited: { from: number; to: number } | null;
  choice: ChartChoice;
  onChoice: (choice: ChartChoice) => void;
}

/** The chart with its choices, its numbers as a table, and what the list is limited to. */
export function ChartPanel({ query, search, limited, choice, onChoice }: ChartPanelProps) {
  const t = useTranslations('chart');
  const states = useTranslations('states');
  const format = useFormatter();
  const exactly = useCount();
  const countText = useCountText();
  const router = useRouter();
  const client = useQueryClient();
  const zone = useTimeZone() ?? 'UTC';
  const { basePath } = useLive();
  const root = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(root);
  const [table, setTable] = useState(false);
  const [hover, setHover] = useState<number | null>(null);
  const [marked, setMarked] = useState<{ anchor: number; at: number } | null>(null);
  usePausePolling(marked !== null);
  const { range, by } = choice;
  const wanted = { range, by };
  const path = `/api/jobs/chart?${new URLSearchParams([...new URLSearchParams(query), ...Object.entries(wanted)])}`;
  const {
    data: chart,
    error,
    dataUpdatedAt,
    isPlaceholderData,
  } = useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => fetchJson<Chart>(basePath + path, signal),
    staleTime: DUE[range],
    placeholderData: (before) => before,
  });
  usePollPart('chart', {
    ask: () => (onScreen && Date.now() - dataUpdatedAt >= DUE[range] ? wanted : null),
    take: (answer) => client.setQueryData([path], answer),
  });

  const others = search.chips.filter(({ time }) => time !== 'created');
  const pick = (from: number, to: number) => {
    setMarked(null);
    router.push(
      searchHref(search.path, search.params, [
        ...others,
        { text: timeTerm('created', from, to, zone), param: 'q' },
      ]),
      { scroll: false },
    );
  };
  const { buckets, seconds } = CHART_RANGES[chart?.range ?? range];
  const startOf = (bucket: number) => ((chart?.start ?? 0) + bucket * seconds) * 1000;
  const pickSpan = ({ first, last }: Span) => pick(startOf(first), startOf(last + 1));
  const clock = (at: number) =>
    format.dateTime(at, {
      ...(range === 'hour' ? {} : { month: 'numeric', day: 'numeric' }),
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  const span: Span | null = marked && {
    first: Math.min(marked.anchor, marked.at),
    last: Math.max(marked.anchor, marked.at),
  };
  const inFocus: Span | null = span ?? (hover === null ? null : { first: hover, last: hover });
  const count = (number: number) =>
    chart?.accuracy.kind === 'sample' && number > 0
      ? countText({ kind: 'estimate', count: number }).text
      : exactly(number);
  const sum = (counts: number[], { first, last }: Span) =>
    counts.slice(first, last + 1).reduce((a, b) => a + b, 0);
  const names =
    chart?.series.map(({ name, other }) =>
      other
        ? t('other')
        : name === null
          ? t('noName')
          : chart.by === 'state'
            ? states(name as 'queued')
            : name,
    ) ?? [];

  function onKeyDown(event: KeyboardEvent) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      const at = Math.max(0, Math.min(buckets - 1, (marked?.at ?? buckets) + step));
      setMarked({ at, anchor: event.shiftKey && marked ? marked.anchor : at });
    } else if (event.key === 'Enter' && span) pickSpan(span);
    else if (event.key === 'Escape' && marked) setMarked(null);
    else return;
    event.preventDefault();
  }

  return (
    <div ref={root} className="rounded-md border border-line px-3 py-2">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-[13px]">
        <Choice
          label={t('range')}
          value={range}
          values={Object.keys(CHART_RANGES) as ChartRange[]}
          name={(one) => t(`ranges.${one}`)}
          onChange={(one) => onChoice({ ...choice, range: one })}
        />
        <Choice
          label={t('by')}
          value={by}
          values={CHART_GROUPS}
          name={(one) => t(`groups.${one}`)}
          onChange={(one) => onChoice({ ...choice, by: one })}
        />
        {chart?.accuracy.kind === 'sample' && (
          <span className="text-soft">{t('sample', { number: exactly(chart.accuracy.rows) })}</span>
        )}
        <Button
          kind="quiet"
          className="ml-auto"
          aria-pressed={table}
          onClick={() => setTable(!table)}
        >
          {t(table ? 'asChart' : 'asTable')}
        </Button>
      </div>
      {limited && (
        <p className="flex flex-wrap items-center gap-x-2 text-[13px]">
          {Number.isFinite(limited.from) &&
            Number.isFinite(limited.to) &&
            t('selected', { from: clock(limited.from), to: clock(limited.to) })}
          <Button
            kind="quiet"
            className="!min-h-6 !py-0"
            onClick={() =>
              router.push(searchHref(search.path, search.params, others), { scroll: false })
            }
          >
            {t('reset')}
          </Button>
        </p>
      )}
      {error && !chart && (
        <p role="alert" className="py-4 text-danger">
          {t('unknown')}
        </p>
      )}
      {!chart && !error && <div className="h-[12rem]" aria-busy="true" />}
      {chart && chart.series.length === 0 && (
        <p className="py-8 text-center text-soft">
          {t(chart.accuracy.kind === 'unknown' ? 'unknown' : 'none')}
        </p>
      )}
      {chart && chart.series.length > 0 && table && (
        <ChartTable chart={chart} names={names} count={count} onPick={pickSpan} />
      )}
      {chart && chart.series.length > 0 && !table && (
        <>
          <div
            tabIndex={0}
            role="group"
            aria-label={`${t('title')}. ${t('hint')}`}
            title={t('hint')}
            onKeyDown={onKeyDown}
            onBlur={() => setMarked(null)}
            className={`mt-1 ${isPlaceholderData ? 'opacity-60' : ''}`}
          >
            <Suspense fallback={<div className="h-[150px]" />}>
              <ChartPlot
                chart={chart}
                limited={limited && toSpan(limited, chart.start, seconds, buckets)}
                marked={span}
                onHover={setHover}
                onPick={pickSpan}
              />
            </Suspense>
          </div>
          <ul className="flex flex-wrap gap-x-3 gap-y-0.5 text-[12.5px]">
            {chart.series.map((series, n) => (
              <li key={n} className="flex max-w-full min-w-0 items-center gap-1.5">
                <span
                  aria-hidden="true"
                  className={`size-2.5 shrink-0 rounded-sm ${seriesStyle(chart.by, series, n).swatch}`}
                />
                <span
                  className={`min-w-0 any-break ${chart.by === 'state' || series.other ? '' : 'font-mono'}`}
                >
                  {names[n]}
                </span>
                <span className="text-soft">
                  {count(sum(series.counts, inFocus ?? { first: 0, last: buckets - 1 }))}
                </span>
              </li>
            ))}
            <li aria-live="polite" className="ml-auto min-h-5 whitespace-nowrap text-soft">
              {inFocus &&
                t('cursor', {
                  from: clock(startOf(inFocus.first)),
                  to: clock(startOf(inFocus.last + 1)),
                  number: count(
                    chart.series.reduce((total, { counts }) => total + sum(counts, inFocus), 0),
                  ),
                })}
            </li>
          </ul>
        </>
      )}
    </div>
  );
}

/** The buckets that a limit touches; null: it lies outside of the chart. */
function toSpan(
  { from, to }: { from: number; to: number },
  start: number,
  seconds: number,
  buckets: number,
): Span | null {
  const first = Math.max(0, Math.floor((from / 1000 - start) / seconds));
  const last = Math.min(buckets - 1, Math.ceil((to / 1000 - start) / seconds) - 1);
  return first <= last ? { first, last } : null;
}

function Choice<T extends string>({
  label,
  value,
  values,
  name,
  onChange,
}: {
  label: string;
  value: T;
  values: readonly T[];
  name: (value: T) => string;
  onChange: (value: T) => void;
}) {
  return (
    <label className="flex items-center gap-1.5 text-soft">
      {label}
      <select
        value={value}
        onChange={(event) => onChange(event.target.value as T)}
        className="control min-h-7 px-1 py-0.5 text-ink"
      >
        {values.map((one) => (
          <option key={one} value={one}>
            {name(one)}
          </option>
        ))}
      </select>
    </label>
  );
}
