import { useFormatter, useTranslations } from 'next-intl';
import { memo, type ReactNode } from 'react';
import type { Activity, Current, Section } from '@/lib/overview/types';
import { queueJobsHref } from '@/lib/queues/filters';
import { Link } from '../navigation';
import { useCount, useCountText, useDuration } from '../quantities';

/** Changes of less than this share are not worth an arrow. */
const MIN_CHANGE = 0.01;

interface FigureProps {
  name: string;
  label: string;
  value: ReactNode;
  title?: string;
  note: ReactNode;
  children?: ReactNode;
}

/** The six figures; those of the range are beside the ones of the period before. */
export function Figures({
  activity,
  current,
  hover,
}: {
  activity: Section<Activity>;
  current: Section<Current>;
  hover: number | null;
}) {
  const t = useTranslations('overview.figures');
  return (
    <dl
      aria-label={t('label')}
      className="grid grid-cols-2 gap-3 md:grid-cols-3 min-[87.5rem]:grid-cols-6"
    >
      <RangeFigures activity={'value' in activity ? activity.value : null} hover={hover} />
      <CurrentFigures current={'value' in current ? current.value : null} />
    </dl>
  );
}

function Figure({ name, label, value, title, note, children }: FigureProps) {
  return (
    <div data-figure={name} className="card flex min-w-0 flex-col px-4 pt-2.5 pb-3">
      <dt className="text-xs text-soft">{label}</dt>
      <dd className="text-2xl font-semibold whitespace-nowrap" title={title}>
        {value}
      </dd>
      <dd className="min-h-4 min-w-0 truncate text-xs text-soft">{note}</dd>
      {children && <dd className="mt-auto pt-2">{children}</dd>}
    </div>
  );
}

function RangeFigures({ activity, hover }: { activity: Activity | null; hover: number | null }) {
  const t = useTranslations('overview.figures');
  const never = useTranslations('time')('never');
  const estimate = useTranslations('counts');
  const format = useFormatter();
  const count = useCount();
  const duration = useDuration();
  const now = activity?.now ?? null;
  const before = activity?.before ?? null;
  const isEstimate = now?.processed.kind === 'estimate';
  const rate = (value: number | null | undefined) => {
    if (value === null || value === undefined) return never;
    const text = value < 10 ? format.number(value, { maximumFractionDigits: 1 }) : null;
    return text ?? count(Math.round(value));
  };
  const share = (value: number | null | undefined) =>
    value === null || value === undefined
      ? never
      : format.number(value, { style: 'percent', maximumFractionDigits: 1 });
  const time = (value: number | null | undefined) =>
    value === null || value === undefined ? never : duration(value);
  const estimated = (text: string, isSample: boolean) =>
    isSample && text !== never ? estimate('estimateNumber', { number: text }) : text;
  const total = (n: number) =>
    (activity?.succeeded[n] ?? 0) + (activity?.discarded[n] ?? 0) + (activity?.retried?.[n] ?? 0);
  const bars = activity?.succeeded.map((_, n) => n) ?? [];
  const failureRates = bars.map((n) =>
    total(n) === 0 ? null : 1 - (activity?.succeeded[n] ?? 0) / total(n),
  );
  return (
    <>
      <Figure
        name="processed"
        label={t('processed')}
        value={estimated(rate(now?.perMinute), isEstimate)}
        title={isEstimate ? t('sampled') : undefined}
        note={
          <Before text={rate(before?.perMinute)} now={now?.perMinute} before={before?.perMinute} />
        }
      >
        <TrendLine values={bars.map(total)} className="stroke-succeeded" hover={hover} />
      </Figure>
      <Figure
        name="failureRate"
        label={t('failureRate')}
        value={estimated(share(now?.failureRate), isEstimate)}
        title={isEstimate ? t('sampled') : undefined}
        note={
          <Before
            text={share(before?.failureRate)}
            now={now?.failureRate}
            before={before?.failureRate}
            isRiseBad
          />
        }
      >
        <TrendLine values={failureRates} className="stroke-discarded" hover={hover} />
      </Figure>
      <Figure
        name="wait"
        label={t('wait')}
        value={estimated(time(now?.waitP95), activity?.isWaitSample ?? false)}
        title={activity?.isWaitSample ? t('sampled') : undefined}
        note={<Before text={time(before?.waitP95)} now={now?.waitP95} before={before?.waitP95} />}
      >
        <TrendLine values={activity?.waits ?? []} className="stroke-accent" hover={hover} />
      </Figure>
    </>
  );
}

/** The value of the period before, and the change since. */
function Before({
  text,
  now,
  before,
  isRiseBad = false,
}: {
  text: string;
  now: number | null | undefined;
  before: number | null | undefined;
  isRiseBad?: boolean;
}) {
  const t = useTranslations('overview.figures');
  const format = useFormatter();
  const change = typeof now === 'number' && typeof before === 'number' ? now - before : 0;
  const isChanged = typeof before === 'number' && Math.abs(change) > MIN_CHANGE * before;
  const relative = typeof before === 'number' && before > 0 ? Math.abs(change) / before : null;
  return (
    <>
      {t('before', { value: text })}
      {isChanged && (
        <span className={change > 0 && isRiseBad ? 'text-danger' : ''}>
          {' '}
          <span aria-hidden="true">{change > 0 ? '▲' : '▼'}</span>
          <span className="sr-only">{t(change > 0 ? 'more' : 'less')} </span>
          {relative !== null &&
            relative < 10 &&
            format.number(relative, { style: 'percent', maximumFractionDigits: 0 })}
        </span>
      )}
    </>
  );
}

function CurrentFigures({ current }: { current: Current | null }) {
  const t = useTranslations('overview.figures');
  const never = useTranslations('time')('never');
  const duration = useDuration();
  const countText = useCountText();
  const ready = countText(current?.ready ?? { kind: 'unknown' });
  const { busy = null, total = null } = current?.threads ?? {};
  const share = busy !== null && total !== null && total > 0 ? busy / total : null;
  return (
    <>
      <Figure
        name="oldest"
        label={t('oldest')}
        value={current?.oldest ? duration(current.oldest.seconds) : never}
        note={current && <Oldest oldest={current.oldest} />}
      />
      <Figure
        name="ready"
        label={t('ready')}
        value={
          <Link href="/jobs?state=queued" prefetch={false} className="no-underline hover:underline">
            {ready.text}
          </Link>
        }
        title={ready.title}
        note={
          current &&
          current.paused.kind !== 'unknown' &&
          current.paused.count > 0 &&
          t('paused', { number: countText(current.paused).text })
        }
      />
      <Figure
        name="threads"
        label={t('threads')}
        title={t('threadsHint')}
        value={
          <Link href="/processes" prefetch={false} className="no-underline hover:underline">
            {busy ?? '?'} / {total ?? '?'}
          </Link>
        }
        note={
          current &&
          (current.processes === 0 ? (
            <span className="text-danger">{t('noProcess')}</span>
          ) : (
            t('processes', { count: current.processes })
          ))
        }
      >
        {share !== null && (
          <svg
            aria-hidden="true"
            viewBox="0 0 100 4"
            preserveAspectRatio="none"
            className="block h-1.5 w-full overflow-hidden rounded-full bg-sunken"
          >
            <rect width={Math.min(1, share) * 100} height="4" className="fill-running" />
          </svg>
        )}
      </Figure>
    </>
  );
}

function Oldest({ oldest }: { oldest: Current['oldest'] }) {
  const t = useTranslations('overview.figures');
  const noQueue = useTranslations('queues')('noQueue');
  if (!oldest) return t('noneReady');
  const name = oldest.queue || noQueue;
  const text = oldest.paused ? t('oldestPaused', { queue: name }) : name;
  const href = queueJobsHref(oldest.queue, { state: 'queued' });
  if (!href) return text;
  return (
    <Link
      href={`${href}&sort=scheduled`}
      prefetch={false}
      title={text}
      className={`hover:underline ${oldest.paused ? 'text-paused' : 'text-inherit'} no-underline`}
    >
      {text}
    </Link>
  );
}

const HEIGHT = 28;
const PADDING = 2;

/** The path of a line through the values; a value that is not known interrupts it. */
function pathOf(values: (number | null)[]): string {
  const max = Math.max(...values.map((value) => value ?? 0), Number.MIN_VALUE);
  const step = 100 / values.length;
  let isDrawing = false;
  return values
    .map((value, n) => {
      if (value === null) {
        isDrawing = false;
        return '';
      }
      const x = ((n + 0.5) * step).toFixed(2);
      const y = (HEIGHT - PADDING - (value / max) * (HEIGHT - 2 * PADDING)).toFixed(2);
      // A single value is drawn as a dash.
      const command = isDrawing ? `L${x} ${y}` : `M${x} ${y}h${(step / 4).toFixed(2)}`;
      isDrawing = true;
      return command;
    })
    .join('');
}

/** A small line without axes, and the crosshair over it. */
function TrendLine({
  values,
  className,
  hover,
}: {
  values: (number | null)[];
  /** The colour of the line. */
  className: string;
  hover: number | null;
}) {
  if (values.length === 0) return null;
  const x = hover === null ? null : ((hover + 0.5) * 100) / values.length;
  return (
    <svg
      aria-hidden="true"
      viewBox={`0 0 100 ${HEIGHT}`}
      preserveAspectRatio="none"
      className="block h-7 w-full"
    >
      <Line path={pathOf(values)} className={className} />
      {x !== null && (
        <line
          x1={x}
          x2={x}
          y1="0"
          y2={HEIGHT}
          vectorEffect="non-scaling-stroke"
          className="stroke-line-strong"
        />
      )}
    </svg>
  );
}

const Line = memo(function Line({ path, className }: { path: string; className: string }) {
  return (
    <path
      d={path}
      fill="none"
      strokeWidth="1.5"
      strokeLinejoin="round"
      strokeLinecap="round"
      vectorEffect="non-scaling-stroke"
      className={className}
    />
  );
});
