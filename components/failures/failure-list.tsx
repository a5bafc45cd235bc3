import { useTranslations } from 'next-intl';
import type { FailureFilter, FailurePage } from '@/lib/failures/filters';
import { FailureRow } from './failure-row';

/** Groups of failures, most frequent first; one can be expanded. */
export function FailureList({ page, filter }: { page: FailurePage; filter: FailureFilter }) {
  const t = useTranslations('failures');
  return (
    <ol aria-label={t('groups')} className="divide-y divide-line rounded-md border border-line">
      {page.groups.map((group) => (
        <FailureRow key={group.fingerprint} group={group} page={page} filter={filter} />
      ))}
    </ol>
  );
}
