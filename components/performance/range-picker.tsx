import { useFormatter, useTimeZone, useTranslations } from 'next-intl';
import { utcToZoned, zonedIso } from '@/lib/core/locale';
import {
  isRangeName,
  type Performance,
  type PerformanceFilter,
  performanceParams,
  type Period,
  RANGES,
} from '@/lib/performance/filters';
import { RangeLinks } from '../page-header';
import { useCount } from '../quantities';
import { AbsoluteTime } from '../time';
import { Banner } from '../ui/banner';
import { buttonClass } from '../ui/button';

/** Links for preset ranges and a plain form for a custom one. `action` is the page's URL path. */
export function RangePicker({
  filter,
  period,
  path,
  action,
}: {
  filter: PerformanceFilter;
  period: Period;
  path: string;
  action: string;
}) {
  const t = useTranslations('performance');
  const zone = useTimeZone() ?? 'UTC';
  const ranges = Object.keys(RANGES).filter(isRangeName);
  const from = Date.parse(period.from);
  const to = Date.parse(period.to);
  const offset = /(Z|[+-]\d\d:\d\d)$/.exec(zonedIso(from, zone))?.[1] ?? 'Z';
  return (
    <div className="mb-2 flex flex-wrap items-start gap-x-4 gap-y-2">
      <RangeLinks
        label={t('range')}
        choices={ranges.map((range) => {
          const params = performanceParams(filter, { range, from: null, to: null });
          return {
            href: `${path}?${new URLSearchParams(params)}`,
            text: t(`ranges.${range}`),
            current: range === filter.range,
          };
        })}
      />
      <details open={filter.range === 'custom'} className="min-w-0">
        <summary className="py-1 text-sm text-accent">{t('ranges.custom')}</summary>
        <form action={action} className="mt-1 flex flex-wrap items-end gap-2">
          <label className="flex flex-col text-sm text-soft">
            {t('rangeFrom', { zone })}
            <input
              type="datetime-local"
              name="from"
              required
              defaultValue={utcToZoned(from, zone)}
              className="control text-ink"
            />
          </label>
          <label className="flex flex-col text-sm text-soft">
            {t('rangeTo', { zone })}
            <input
              type="datetime-local"
              name="to"
              required
              defaultValue={utcToZoned(to, zone)}
              className="control text-ink"
            />
          </label>
          <input type="hidden" name="offset" value={offset} />
          {filter.sort !== 'total' && <input type="hidden" name="sort" value={filter.sort} />}
          <button type="submit" className={buttonClass()}>
            {t('apply')}
          </button>
        </form>
      </details>
    </div>
  );
}

/** The period, the sampling of its numbers, and an index that would speed them up. */
export function AccuracyNote({
  performance: { period, now, before, hint },
}: {
  performance: Performance;
}) {
  const t = useTranslations('performance');
  const format = useFormatter();
  const count = useCount();
  const { accuracy } = now;
  return (
    <div className="mb-3 flex flex-col gap-2">
      <p className="text-sm text-soft" data-accuracy={accuracy.kind}>
        {t.rich('period', {
          from: () => <AbsoluteTime iso={period.from} />,
          to: () => <AbsoluteTime iso={period.to} />,
        })}{' '}
        {accuracy.kind === 'sample' &&
          t('sample', {
            number: count(accuracy.scanned),
            share: format.number(accuracy.share, { style: 'percent', maximumSignificantDigits: 2 }),
          })}
        {accuracy.kind === 'exact' && before.accuracy.kind === 'sample' && t('beforeSampled')}
      </p>
      {accuracy.kind === 'unknown' && <Banner tone="warning">{t('unknown')}</Banner>}
      {hint && (
        <Banner tone="info">
          <p>{t('hint')}</p>
          <p className="mt-1 font-mono text-sm any-break">{hint}</p>
        </Banner>
      )}
    </div>
  );
}
