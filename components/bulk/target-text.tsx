import { useTranslations } from 'next-intl';
import type { BulkTarget } from '@/lib/bulk/types';
import { filterParts } from '@/lib/jobs/links';
import { FilterParts } from '../jobs/filter-parts';
import { Link } from '../link';
import { useCount } from '../quantities';

/** The target of a bulk action: the selected rows, a filter or a batch. */
export function TargetText({
  target,
  filter,
  batchId,
  selected,
  links = false,
}: {
  target: BulkTarget['kind'];
  filter: string | null;
  batchId: string | null;
  selected: number;
  links?: boolean;
}) {
  const t = useTranslations('bulk');
  const count = useCount();
  const hasConditions = filterParts(filter ?? '').length > 0;
  const unfiltered = batchId ? 'allOfBatch' : 'allJobs';
  const href = `${batchId ? `/batches/${batchId}` : '/jobs'}${filter ? `?${filter}` : ''}`;
  return (
    <div className="mt-3 rounded-md bg-sunken px-3 py-2">
      <p className="text-sm text-soft">{t('target')}</p>
      {target === 'ids' && <p>{t('selectedJobs', { count: selected, number: count(selected) })}</p>}
      {target === 'batch' && <p>{t('discardedOfBatch')}</p>}
      {target === 'filter' && (
        <>
          <p>{t(hasConditions ? 'allMatching' : unfiltered)}</p>
          <FilterParts query={filter ?? ''} />
        </>
      )}
      {batchId && <p className="font-mono text-xs break-all text-soft">{batchId}</p>}
      {links && target !== 'ids' && (
        <p className="mt-1">
          <Link
            href={target === 'batch' ? `/batches/${batchId}` : href}
            prefetch={false}
            className="text-accent"
          >
            {t('showThem')}
          </Link>
        </p>
      )}
    </div>
  );
}
