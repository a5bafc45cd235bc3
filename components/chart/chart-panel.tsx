'use client';

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useFormatter, useTimeZone, useTranslations } from 'next-intl';
import { type KeyboardEvent, type ReactNode, Suspense, useRef, useState } from 'react';
import {
  CHART_GROUPS,
  CHART_RANGES,
  type Chart,
  type ChartChoice,
  type ChartRange,
  isChartRange,
} from '@/lib/jobs/types';
import { useHref } from '../application';
import { usePollPart } from '../jobs/poll-parts';
import { useNavigate } from '../navigation';
import { usePausePolling } from '../polling/polling-provider';
import { useOnScreen } from '../polling/use-polling-query';
import { useCount, useCountText } from '../quantities';
import { fetchJson } from '../requests';
import { type ChipTerm, timeTerm } from '../search/query-terms';
import { searchHref } from '../search/search-query';
import { Button } from '../ui/button';
import { lazyScript } from '../ui/lazy-script';
import type { Span } from './chart-plot';
import { ChartTable } from './chart-table';
import { seriesStyle } from './series-style';

const ChartPlot = lazyScript(() => import('./chart-plot'));

/** Minimum age in ms before polling refetches the chart. */
const MIN_AGE_MS: Record<ChartRange, number> = { hour: 15_000, day: 60_000, week: 300_000 };

/** Height of the bars, also before they are drawn. */
const PLOT_HEIGHT = 'h-16';

export interface ChartPanelProps {
  /** The list's filter as query parameters. */
  query: string;
  search: { path: string; params: Record<string, string>; chips: ChipTerm[] };
  /** The filter's range of creation times, in epoch ms; unbounded ends are infinite. */
  filterRange: { from: number; to: number } | null;
  choice: ChartChoice;
  onChoice: (choice: ChartChoice) => void;
  /** The button that hides the chart. */
  children: ReactNode;
}

/** The chart of the filter, refetched by the list's poll while it is on screen. */
function useChart(query: string, { range, by }: ChartChoice, onScreen: boolean) {
  const client = useQueryClient();
  const href = useHref();
  const chartParams = { range, by };
  const params = new URLSearchParams(query);
  for (const [name, value] of Object.entries(chartParams)) params.append(name, value);
  const path = `/api/jobs/chart?${params}`;
  const response = useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => fetchJson<Chart>(href(path), signal),
    staleTime: MIN_AGE_MS[range],
    placeholderData: (previous) => previous,
  });
  usePollPart('chart', {
    params: () => {
      const isOld = Date.now() - response.dataUpdatedAt >= MIN_AGE_MS[range];
      return onScreen && isOld ? chartParams : null;
    },
    onData: (data) => client.setQueryData([path], data),
  });
  return response;
}

/** The buckets selected with the keyboard or hovered; polling pauses during a selection. */
function useSpanSelection(buckets: number, onPick: (span: Span) => void) {
  const [selection, setSelection] = useState<{ anchor: number; at: number } | null>(null);
  const [hover, setHover] = useState<number | null>(null);
  usePausePolling(selection !== null);
  const span: Span | null = selection && {
    first: Math.min(selection.anchor, selection.at),
    last: Math.max(selection.anchor, selection.at),
  };
  const hoverSpan: Span | null = hover === null ? null : { first: hover, last: hover };
  const clear = () => setSelection(null);
  const pick = (picked: Span) => {
    clear();
    onPick(picked);
  };
  function onKeyDown(event: KeyboardEvent) {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (direction !== undefined) {
      const at = Math.max(0, Math.min(buckets - 1, (selection?.at ?? buckets) + direction));
      setSelection({ at, anchor: event.shiftKey && selection ? selection.anchor : at });
    } else if (event.key === 'Enter' && span) pick(span);
    else if (event.key === 'Escape' && selection) clear();
    else return;
    event.preventDefault();
  }
  return { span, activeSpan: span ?? hoverSpan, pick, clear, onHover: setHover, onKeyDown };
}

/**
 * Returns a formatter for an epoch time in ms: the time of day, plus the date if the range exceeds
 * an hour.
 */
function useClock(range: ChartRange): (epochMs: number) => string {
  const format = useFormatter();
  return (epochMs) =>
    format.dateTime(epochMs, {
      ...(range === 'hour' ? {} : { month: 'numeric', day: 'numeric' }),
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
}

/**
 * The chart of the list's jobs with its range, grouping, table view and the filter's time range.
 */
export function ChartPanel({
  query,
  search,
  filterRange,
  choice,
  onChoice,
  children,
}: ChartPanelProps) {
  const t = useTranslations('chart');
  const states = useTranslations('states');
  const formatCount = useCount();
  const countText = useCountText();
  const navigate = useNavigate();
  const zone = useTimeZone() ?? 'UTC';
  const root = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(root);
  const [isTable, setTable] = useState(false);
  const { data: chart, error, isPlaceholderData } = useChart(query, choice, onScreen);
  const { buckets, seconds } = CHART_RANGES[chart?.range ?? choice.range];
  const startMs = (bucket: number) => ((chart?.start ?? 0) + bucket * seconds) * 1000;
  const otherChips = search.chips.filter(({ time }) => time !== 'created');
  const showChips = (chips: Pick<ChipTerm, 'text' | 'param'>[]) =>
    navigate(searchHref(search.path, search.params, chips), { scroll: false });
  const applySpan = ({ first, last }: Span) => {
    const term = timeTerm('created', startMs(first), startMs(last + 1), zone);
    showChips([...otherChips, { text: term, param: 'q' }]);
  };
  const selection = useSpanSelection(buckets, applySpan);
  const count = (number: number) =>
    chart?.accuracy.kind === 'sample' && number > 0
      ? countText({ kind: 'estimate', count: number }).text
      : formatCount(number);
  const names =
    chart?.series.map(({ name, other }) => {
      if (other) return t('other');
      if (name === null) return t('noName');
      return chart.by === 'state' ? states(name as 'queued') : name;
    }) ?? [];

  const hasBars = chart !== undefined && chart.series.length > 0;
  return (
    <div ref={root}>
      <div className="flex min-h-6 items-center gap-x-3 text-xs whitespace-nowrap">
        <div className="flex min-w-0 flex-1 items-center gap-x-3 overflow-x-auto">
          <ChartControls chart={chart} choice={choice} onChoice={onChoice} />
          {filterRange && (
            <FilterRange
              filterRange={filterRange}
              range={choice.range}
              onReset={() => showChips(otherChips)}
            />
          )}
          {hasBars && (
            <Legend
              chart={chart}
              range={choice.range}
              names={names}
              count={count}
              activeSpan={selection.activeSpan}
            />
          )}
        </div>
        <div className="flex shrink-0">
          <Button
            kind="quiet"
            className="!min-h-6 !px-1.5 !py-0 !text-xs"
            aria-pressed={isTable}
            onClick={() => setTable(!isTable)}
          >
            {t(isTable ? 'asChart' : 'asTable')}
          </Button>
          {children}
        </div>
      </div>
      {error && !chart && (
        <p role="alert" className={`${PLOT_HEIGHT} pt-4 text-center text-danger`}>
          {t('unknown')}
        </p>
      )}
      {!chart && !error && <div className={PLOT_HEIGHT} aria-busy="true" />}
      {chart && !hasBars && (
        <p className={`${PLOT_HEIGHT} pt-4 text-center text-soft`}>
          {t(chart.accuracy.kind === 'unknown' ? 'unknown' : 'none')}
        </p>
      )}
      {hasBars && isTable && (
        <ChartTable chart={chart} names={names} count={count} onPick={selection.pick} />
      )}
      {hasBars && !isTable && (
        <Plot
          chart={chart}
          filterRange={filterRange}
          selection={selection}
          isPlaceholder={isPlaceholderData}
        />
      )}
    </div>
  );
}

function ChartControls({
  chart,
  choice,
  onChoice,
}: {
  chart: Chart | undefined;
  choice: ChartChoice;
  onChoice: (choice: ChartChoice) => void;
}) {
  const t = useTranslations('chart');
  const formatCount = useCount();
  return (
    <>
      <span className="text-soft max-lg:hidden">{t('title')}</span>
      <Choice
        label={t('range')}
        value={choice.range}
        values={Object.keys(CHART_RANGES).filter(isChartRange)}
        name={(value) => t(`ranges.${value}`)}
        onChange={(value) => onChoice({ ...choice, range: value })}
      />
      <Choice
        label={t('by')}
        value={choice.by}
        values={CHART_GROUPS}
        name={(value) => t(`groups.${value}`)}
        onChange={(value) => onChoice({ ...choice, by: value })}
      />
      {chart?.accuracy.kind === 'sample' && (
        <span className="text-soft">
          {t('sample', { number: formatCount(chart.accuracy.rows) })}
        </span>
      )}
    </>
  );
}

function FilterRange({
  filterRange: { from, to },
  range,
  onReset,
}: {
  filterRange: { from: number; to: number };
  range: ChartRange;
  onReset: () => void;
}) {
  const t = useTranslations('chart');
  const clock = useClock(range);
  return (
    <p className="flex items-center gap-x-1">
      {Number.isFinite(from) &&
        Number.isFinite(to) &&
        t('selected', { from: clock(from), to: clock(to) })}
      <Button kind="quiet" className="!min-h-6 !px-1.5 !py-0 !text-xs" onClick={onReset}>
        {t('reset')}
      </Button>
    </p>
  );
}

/** The bars, with a selection by the keyboard. */
function Plot({
  chart,
  filterRange,
  selection,
  isPlaceholder,
}: {
  chart: Chart;
  filterRange: { from: number; to: number } | null;
  selection: ReturnType<typeof useSpanSelection>;
  /** Whether this is still the chart of the previous filter. */
  isPlaceholder: boolean;
}) {
  const t = useTranslations('chart');
  const { buckets, seconds } = CHART_RANGES[chart.range];
  return (
    <div
      tabIndex={0}
      role="group"
      aria-label={`${t('title')}. ${t('hint')}`}
      title={t('hint')}
      onKeyDown={selection.onKeyDown}
      onBlur={selection.clear}
      className={isPlaceholder ? 'opacity-60' : ''}
    >
      <Suspense fallback={<div className={PLOT_HEIGHT} />}>
        <ChartPlot
          chart={chart}
          filterSpan={filterRange && toSpan(filterRange, chart.start, seconds, buckets)}
          selectedSpan={selection.span}
          onHover={selection.onHover}
          onPick={selection.pick}
        />
      </Suspense>
    </div>
  );
}

/** The series with their counts in the selected, the hovered or all buckets. */
function Legend({
  chart,
  range,
  names,
  count,
  activeSpan,
}: {
  chart: Chart;
  range: ChartRange;
  /** Labels of the series. */
  names: string[];
  /** Formats a number of jobs. */
  count: (number: number) => string;
  activeSpan: Span | null;
}) {
  const t = useTranslations('chart');
  const clock = useClock(range);
  const { buckets, seconds } = CHART_RANGES[chart.range];
  const startMs = (bucket: number) => (chart.start + bucket * seconds) * 1000;
  const sum = (counts: number[], { first, last }: Span) =>
    counts.slice(first, last + 1).reduce((a, b) => a + b, 0);
  return (
    <ul className="flex items-center gap-x-3">
      {chart.series.map((series, n) => (
        <li key={n} className="flex items-center gap-1.5">
          <span aria-hidden="true" className={`dot ${seriesStyle(chart.by, series, n).swatch}`} />
          <span
            className={`max-w-40 truncate ${chart.by === 'state' || series.other ? '' : 'font-mono'}`}
          >
            {names[n]}
          </span>
          <span className="text-soft">
            {count(sum(series.counts, activeSpan ?? { first: 0, last: buckets - 1 }))}
          </span>
        </li>
      ))}
      <li aria-live="polite" className="text-soft">
        {activeSpan &&
          t('cursor', {
            from: clock(startMs(activeSpan.first)),
            to: clock(startMs(activeSpan.last + 1)),
            number: count(
              chart.series.reduce((total, { counts }) => total + sum(counts, activeSpan), 0),
            ),
          })}
      </li>
    </ul>
  );
}

/** The buckets that a time range overlaps; null if it lies outside of the chart. */
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
    <label className="flex items-center gap-1 text-soft">
      <span className="sr-only">{label}</span>
      <select
        value={value}
        onChange={({ target }) => {
          const option = values.find((candidate) => candidate === target.value);
          if (option) onChange(option);
        }}
        className="h-6 cursor-pointer rounded-sm bg-transparent text-xs text-ink hover:bg-sunken"
      >
        {values.map((option) => (
          <option key={option} value={option}>
            {name(option)}
          </option>
        ))}
      </select>
    </label>
  );
}
