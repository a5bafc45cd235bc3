import { useTranslations } from 'next-intl';
import {
  FAILURE_RANGES,
  type FailureGroup,
  type FailurePage,
  type FailureRange,
} from '@/lib/failures/filters';
import { LazyFilterActions } from '../bulk/filter-actions';
import { ErrorText } from '../jobs/job-text';
import { StateBadge } from '../jobs/state-badge';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { AbsoluteTime, RelativeTime } from '../time';
import { TooLarge } from '../too-large';
import { buttonClass } from '../ui/button';
import { timeBefore, groupQuery } from './failure-links';

/** A group's newest error, sample jobs, and bulk actions on all of its jobs. */
export function FailureDetail({
  group,
  page,
  range,
}: {
  group: FailureGroup;
  page: FailurePage;
  range: FailureRange;
}) {
  const t = useTranslations('failures');
  const count = useCount();
  const [newest] = group.samples;
  const periodStart = timeBefore(page.now, FAILURE_RANGES[range]);
  const filterQuery = groupQuery(group, page, periodStart);
  const jobsHref = (name: 'state' | 'queue_name', value: string) =>
    `/jobs?${new URLSearchParams([[name, value], ...new URLSearchParams(filterQuery)])}`;
  return (
    <div className="mt-3 ml-[1.4rem] grid gap-4 lg:grid-cols-2 max-lg:ml-0">
      <section aria-label={t('newestError')} className="min-w-0">
        <h3 className="mb-1 text-sm text-soft">{t('newestError')}</h3>
        {group.tooLarge ? (
          <p>
            <TooLarge />
          </p>
        ) : (
          <ErrorText text={newest?.error ?? group.error} label={t('newestError')} />
        )}
        {group.queues.length > 0 && (
          <p className="mt-2 flex flex-wrap gap-1.5 text-sm">
            <span className="text-soft">{t('queues')}</span>
            {group.queues.map((queue) => (
              <Link
                key={queue}
                href={jobsHref('queue_name', queue)}
                prefetch={false}
                className="font-mono text-accent any-break"
              >
                {queue}
              </Link>
            ))}
          </p>
        )}
      </section>
      <Samples group={group} />
      <section aria-label={t('actions')} className="min-w-0 lg:col-span-2">
        <p className="text-sm">
          {t.rich('actsOn', {
            period: t(`ranges.${range}`),
            since: () => <AbsoluteTime iso={periodStart > page.since ? periodStart : page.since} />,
          })}
        </p>
        <div className="mt-2 flex flex-wrap items-center gap-2">
          {(['discarded', 'retried'] as const).map(
            (state) =>
              group[state] > 0 && (
                <Link
                  key={state}
                  href={jobsHref('state', state)}
                  prefetch={false}
                  data-state={state}
                  className={buttonClass()}
                >
                  {t(`list.${state}`, { count: group[state], number: count(group[state]) })}
                </Link>
              ),
          )}
          <LazyFilterActions filterQuery={filterQuery} />
        </div>
      </section>
    </div>
  );
}

function Samples({ group }: { group: FailureGroup }) {
  const t = useTranslations('failures');
  return (
    <section aria-label={t('samples')} className="min-w-0">
      <h3 className="mb-1 text-sm text-soft">{t('samples')}</h3>
      <ul className="divide-y divide-line card">
        {group.samples.map(({ id, state, at }) => (
          <li key={id} className="flex flex-wrap items-center gap-x-3 gap-y-0.5 px-2.5 py-1">
            <Link
              href={`/jobs/${id}`}
              prefetch={false}
              data-sample={id}
              className="font-mono text-xs break-all text-accent"
            >
              {id}
            </Link>
            <StateBadge state={state} />
            <span className="ml-auto text-sm text-soft">
              <RelativeTime iso={at} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
