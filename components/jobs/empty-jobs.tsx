import { useTranslations } from 'next-intl';
import { type JobFilter, isUnderstood, jobFilterParams, withState } from '@/lib/jobs/filters';
import { Link } from '../link';
import { buttonClass } from '../ui/button';

/** Replaces the rows of an empty list: the reason and a remedy. */
export function EmptyJobs({ filter, path }: { filter: JobFilter; path: string }) {
  const t = useTranslations('jobs');
  const paging = useTranslations('paging');
  // The chips above the list already name the conditions that could not be parsed.
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
