import { useTranslations } from 'next-intl';
import {
  FAILURE_RANGES,
  type FailureFilter,
  type FailureGroup,
  type FailurePage,
  failureParams,
  type FailureRange,
  RANGE_NAMES,
} from '@/lib/failures/filters';
import { isBlankName } from '@/lib/jobs/links';
import { Link } from '../navigation';
import { useCount, useCountText } from '../quantities';
import { AbsoluteTime, RelativeTime } from '../time';
import { TooLarge } from '../too-large';
import { Icon } from '../ui/icon';
import { Sparkline } from '../ui/inline-charts';
import { FailureDetail } from './failure-detail';
import { groupQuery, timeBefore } from './failure-links';

/** Groups of failures, most frequent first; one can be expanded. */
export function FailureList({ page, filter }: { page: FailurePage; filter: FailureFilter }) {
  const t = useTranslations('failures');
  return (
    <div className="card">
      <div
        aria-hidden="true"
        className={
          'failure-grid sticky top-0 rounded-t-lg border-b border-line bg-raised px-3 py-1.5 ' +
          'text-xs text-faint max-lg:hidden'
        }
      >
        <span>{t('heads.cause')}</span>
        <span>{t(`ranges.${filter.range}`)}</span>
        <span className="grid grid-cols-5 text-right">
          {RANGE_NAMES.map((range) => (
            <span key={range}>{t(`short.${range}`)}</span>
          ))}
        </span>
        <span>{t('heads.seen')}</span>
      </div>
      <ol aria-label={t('groups')} className="divide-y divide-line">
        {page.groups.map((group) => (
          <FailureRow key={group.fingerprint} group={group} page={page} filter={filter} />
        ))}
      </ol>
    </div>
  );
}

interface FailureRowProps {
  group: FailureGroup;
  page: FailurePage;
  filter: FailureFilter;
}

/** One group of failures: error, class, counts and trend. */
function FailureRow({ group, page, filter }: FailureRowProps) {
  const t = useTranslations();
  const isOpen = filter.group === group.fingerprint;
  const params = failureParams(filter, { group: isOpen ? null : group.fingerprint });
  const href = `/cleaner?${new URLSearchParams(params)}#${group.fingerprint}`;
  return (
    <li id={group.fingerprint} data-failure={group.fingerprint} className="px-3 py-2.5">
      <div className="failure-grid">
        <div className="min-w-0">
          <h2>
            <Link
              href={href}
              prefetch={false}
              scroll={false}
              aria-expanded={isOpen}
              className="failure-name"
            >
              <Icon name={isOpen ? 'fold' : 'unfold'} className="mt-0.5" />
              <span className={isOpen ? undefined : 'line-clamp-2'}>
                {group.tooLarge ? <TooLarge /> : group.error || t('failures.blankError')}
              </span>
            </Link>
          </h2>
          <p className="failure-place">
            {group.jobClass === null || isBlankName(group.jobClass) ? (
              <span className="text-soft">{t('jobs.noClass')}</span>
            ) : (
              <Link
                href={`/cleaner?${new URLSearchParams(
                  failureParams(filter, { jobClass: group.jobClass, group: null }),
                )}`}
                prefetch={false}
                className="text-ink no-underline hover:text-accent hover:underline"
              >
                {group.jobClass}
              </Link>
            )}
            <span className="text-soft">{group.frame ?? t('failures.noFrame')}</span>
          </p>
        </div>
        <div className="failure-figures">
          <div className="w-36">
            <Sparkline values={group.spark} className="w-full" />
            <Trend group={group} filter={filter} />
          </div>
          <Counts group={group} page={page} filter={filter} />
          <p className="text-soft">
            <RelativeTime iso={group.lastSeen} />
            <span aria-hidden="true"> / </span>
            <RelativeTime iso={group.firstSeen} />
          </p>
        </div>
      </div>
      {isOpen && <FailureDetail group={group} page={page} range={filter.range} />}
    </li>
  );
}

/** The periods of GoodJob's own page; each count links to its jobs. Phones show the selected one. */
function Counts({ group, page, filter }: FailureRowProps) {
  const t = useTranslations('failures.ranges');
  const countText = useCountText();
  return (
    <p className="failure-counts">
      {RANGE_NAMES.map((range, n) => {
        const from = timeBefore(page.now, FAILURE_RANGES[range]);
        const isLowerBound = (page.isPartial && page.since > from) || page.until !== null;
        const value = group.counts[n] ?? 0;
        const { text } = countText({ kind: isLowerBound ? 'at_least' : 'exact', count: value });
        const className = range === filter.range ? 'font-semibold' : 'max-lg:hidden';
        if (value === 0)
          return (
            <span key={range} className={`${className} text-faint`}>
              0
            </span>
          );
        return (
          <Link
            key={range}
            href={`/jobs?${groupQuery(group, page, from)}`}
            prefetch={false}
            data-count={range}
            aria-label={`${t(range)}: ${text}`}
            className={className}
          >
            {text}
          </Link>
        );
      })}
    </p>
  );
}

/** The change from the preceding period of the same length. */
function Trend({ group, filter }: Pick<FailureRowProps, 'group' | 'filter'>) {
  const t = useTranslations('failures.trend');
  const count = useCount();
  const currentCount = group.counts[RANGE_NAMES.indexOf(filter.range)] ?? 0;
  const { previousCount } = group;
  if (previousCount === null)
    return <p className="text-xs whitespace-nowrap text-soft">{t('unknown')}</p>;
  const sign = () => {
    if (currentCount === previousCount) return '→';
    return currentCount > previousCount ? '↑' : '↓';
  };
  return (
    <p
      className={`text-xs whitespace-nowrap ${currentCount > previousCount ? 'text-danger' : 'text-soft'}`}
    >
      {previousCount === 0 ? (
        <span className="pill bg-discarded-wash text-discarded">{t('none')}</span>
      ) : (
        <>
          <span aria-hidden="true">{sign()} </span>
          {t('before', { number: count(previousCount) })}
        </>
      )}
    </p>
  );
}

/** The number of failures in the period, how far the scan reached, and a link to scan further. */
export function FailureScanNote({
  page,
  range,
  deeperHref,
}: {
  page: FailurePage;
  range: FailureRange;
  deeperHref: string | null;
}) {
  const t = useTranslations('failures');
  const count = useCount();
  const isPeriodCut = page.isPartial && page.since > timeBefore(page.now, FAILURE_RANGES[range]);
  const cutMessage = page.scanned === 0 ? 'scannedNone' : 'scannedCut';
  return (
    <p className="mb-2 text-sm text-soft" data-scanned={page.scanned}>
      {t.rich(isPeriodCut ? cutMessage : 'scanned', {
        period: t(`ranges.${range}`),
        count: page.countInRange,
        number: count(page.countInRange),
        since: () => <AbsoluteTime iso={page.since} />,
      })}
      {page.scanned > 0 && (page.isPartial || page.until !== null) && <> {t('plus')}</>}
      {page.until !== null && (
        <> {t.rich('waitingUntil', { until: () => <AbsoluteTime iso={page.until ?? ''} /> })}</>
      )}
      {deeperHref && (
        <>
          {' '}
          <Link href={deeperHref} prefetch={false} className="text-accent">
            {t('deeper')}
          </Link>
        </>
      )}
    </p>
  );
}
