import { useTranslations } from 'next-intl';
import { currentApplication } from '@/lib/context/request-context';
import { href } from '@/lib/core/urls';
import { isUnderstood, type JobFilter, jobFilterParams, withState } from '@/lib/jobs/filters';
import { Link } from '../navigation';
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

const HINTS = { csv: 'csvHint', ndjson: 'ndjsonHint' } as const;

/** Links that export the filtered jobs. `query` is the filter as `jobFilterParams` prints it. */
export function ExportLinks({ query }: { query: Record<string, string> }) {
  const t = useTranslations('export');
  const urlOf = (format: string) =>
    href(currentApplication(), `/api/jobs/export?${new URLSearchParams({ ...query, format })}`);
  return (
    <span className="flex items-center gap-1 text-sm text-soft">
      {t('label')}
      {(['csv', 'ndjson'] as const).map((format) => (
        <a
          key={format}
          href={urlOf(format)}
          download
          className={buttonClass('quiet')}
          title={t(HINTS[format])}
        >
          {format === 'csv' ? 'CSV' : 'NDJSON'}
        </a>
      ))}
    </span>
  );
}
