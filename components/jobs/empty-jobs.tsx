import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { type JobFilter, isUnderstood, jobFilterParams, withState } from '@/lib/jobs/filters';
import { buttonClass } from '../ui/button';

/** In place of the rows of a list that has none: why, and what to do about it. */
export function EmptyJobs({ filter, path }: { filter: JobFilter; path: string }) {
  const t = useTranslations('jobs');
  const paging = useTranslations('paging');
  // What was not understood is said above, with the way to take it away.
  if (!isUnderstood(filter)) return <p>{t('empty')}</p>;
  if (filter.cursor)
    return (
      <>
        <p>{paging('empty')}</p>
        <p className="mt-3">
          <Link
            href={`${path}?${new URLSearchParams(jobFilterParams(filter))}`}
            prefetch={false}
            className={buttonClass()}
          >
            {paging('first')}
          </Link>
        </p>
      </>
    );
  if (filter.terms.length === 0) return <p>{t(filter.state ? 'emptyState' : 'emptyAll')}</p>;
  return (
    <>
      <p className="font-semibold text-ink">{t('emptyQuery')}</p>
      <p className="mt-1">{t('emptyQueryHint')}</p>
      <p className="mt-3 flex flex-wrap justify-center gap-2">
        {filter.state && (
          <Link
            href={`${path}?${new URLSearchParams(jobFilterParams(withState(filter, null)))}`}
            prefetch={false}
            className={buttonClass()}
          >
            {t('allStates')}
          </Link>
        )}
        <Link
          href={filter.state ? `${path}?state=${filter.state}` : path}
          prefetch={false}
          className={buttonClass()}
        >
          {t('clearSearch')}
        </Link>
      </p>
    </>
  );
}
