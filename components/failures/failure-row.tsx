import { useTranslations } from 'next-intl';
import {
  FAILURE_RANGES,
  type FailureFilter,
  type FailureGroup,
  type FailurePage,
  RANGE_NAMES,
  failureParams,
} from '@/lib/failures/filters';
import { isBlankName } from '@/lib/jobs/links';
import { Link } from '../link';
import { useCount, useCountText } from '../quantities';
import { RelativeTime } from '../time';
import { TooLarge } from '../too-large';
import { Icon } from '../ui/icon';
import { Sparkline } from '../ui/sparkline';
import { FailureDetail } from './failure-detail';
import { timeBefore, groupQuery } from './failure-links';

interface Props {
  group: FailureGroup;
  page: FailurePage;
  filter: FailureFilter;
}

/** One group of failures: error, class, counts and trend. */
export function FailureRow({ group, page, filter }: Props) {
  const t = useTranslations();
  const isOpen = filter.group === group.fingerprint;
  const params = failureParams(filter, { group: isOpen ? null : group.fingerprint });
  const href = `/cleaner?${new URLSearchParams(params)}#${group.fingerprint}`;
  return (
    <li id={group.fingerprint} data-failure={group.fingerprint} className="px-3 py-2.5">
      <div className="flex flex-col gap-x-5 gap-y-2 lg:flex-row lg:items-start">
        <div className="min-w-0 flex-1">
          <h2>
            <Link
              href={href}
              prefetch={false}
              scroll={false}
              aria-expanded={isOpen}
              className="flex min-h-6 min-w-0 items-start gap-1.5 no-underline hover:underline"
            >
              <Icon name={isOpen ? 'fold' : 'unfold'} className="mt-0.5" />
              <span
                className={`min-w-0 font-mono text-sm any-break ${isOpen ? '' : 'line-clamp-2'}`}
              >
                {group.tooLarge ? <TooLarge /> : group.error || t('failures.blankError')}
              </span>
            </Link>
          </h2>
          <p className="mt-1 flex flex-wrap items-center gap-x-3 pl-[1.4rem] text-sm">
            {group.jobClass === null || isBlankName(group.jobClass) ? (
              <span className="text-soft">{t('jobs.noClass')}</span>
            ) : (
              <Link
                href={`/cleaner?${new URLSearchParams(
                  failureParams(filter, { jobClass: group.jobClass, group: null }),
                )}`}
                prefetch={false}
                className="inline-block min-h-6 font-mono text-accent any-break"
              >
                {group.jobClass}
              </Link>
            )}
            <span className="min-w-0 font-mono text-soft any-break">
              {group.frame ?? t('failures.noFrame')}
            </span>
          </p>
        </div>
        <div className="flex flex-wrap items-start gap-x-5 gap-y-1.5 max-lg:pl-[1.4rem]">
          <div className="w-36">
            <Sparkline
              values={group.spark}
              label={t('failures.spark', {
                range: t(`failures.ranges.${filter.range}`),
                values: group.spark.join(', '),
              })}
              className="w-full"
            />
            <Trend group={group} filter={filter} />
          </div>
          <Counts group={group} page={page} filter={filter} />
          <dl className="text-sm lg:w-40">
            <SeenAt name={t('failures.lastSeen')} at={group.lastSeen} />
            <SeenAt name={t('failures.firstSeen')} at={group.firstSeen} />
          </dl>
        </div>
      </div>
      {isOpen && <FailureDetail group={group} page={page} range={filter.range} />}
    </li>
  );
}

function SeenAt({ name, at }: { name: string; at: string }) {
  return (
    <div className="flex gap-2 whitespace-nowrap">
      <dt className="text-soft">{name}</dt>
      <dd>
        <RelativeTime iso={at} />
      </dd>
    </div>
  );
}

/** The periods of GoodJob's own page; each count links to its jobs. */
function Counts({ group, page, filter }: Props) {
  const t = useTranslations('failures');
  const countText = useCountText();
  return (
    <dl className="grid grid-cols-5 gap-x-3">
      {RANGE_NAMES.map((range, n) => {
        const from = timeBefore(page.now, FAILURE_RANGES[range]);
        const value = group.counts[n] ?? 0;
        const { text, title } = countText({
          kind: (page.isPartial && page.since > from) || page.until !== null ? 'at_least' : 'exact',
          count: value,
        });
        return (
          <div
            key={range}
            className={`flex flex-col items-end ${range === filter.range ? 'font-semibold' : ''}`}
          >
            <dt className="text-xs whitespace-nowrap text-soft">{t(`short.${range}`)}</dt>
            <dd title={title}>
              {value === 0 ? (
                <span className="text-soft">{text}</span>
              ) : (
                <Link
                  href={`/jobs?${groupQuery(group, page, from)}`}
                  prefetch={false}
                  data-count={range}
                  className="text-accent"
                >
                  {text}
                </Link>
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

/** The change from the preceding period of the same length. */
function Trend({ group, filter }: Pick<Props, 'group' | 'filter'>) {
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
      <span aria-hidden="true">{sign()} </span>
      {previousCount === 0 ? t('none') : t('before', { number: count(previousCount) })}
    </p>
  );
}
