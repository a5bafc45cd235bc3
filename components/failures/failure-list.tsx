import { useTranslations } from 'next-intl';
import { type FailureFilter, type FailurePage, RANGE_NAMES } from '@/lib/failures/filters';
import { FailureRow } from './failure-row';

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
