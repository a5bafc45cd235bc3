import { useTranslations } from 'next-intl';
import { type BulkRun, processedCount } from '@/lib/bulk/types';
import type { Page } from '@/lib/core/search-params';
import { escapeBidi } from '@/lib/core/text';
import { filterParts } from '@/lib/jobs/links';
import { FilterParts } from '../jobs/filter-parts';
import { Link } from '../link';
import { Pager } from '../pager';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';
import { useBulkCount } from './preview-text';
import { RetryCounts } from './retry-counts';
import { RunStateBadge } from './run-state';

/** A page of bulk runs, newest first. */
export function RunList({ page, label }: { page: Page<BulkRun>; label: string }) {
  const t = useTranslations('bulk');
  const count = useCount();
  const bulkCount = useBulkCount();
  return (
    <>
      <ul aria-label={label} className="divide-y divide-line card">
        {page.rows.map((run) => (
          <li
            key={run.id}
            className="flex flex-wrap items-start justify-between gap-x-4 gap-y-1 px-3 py-2.5"
            data-run={run.id}
          >
            <div className="min-w-0">
              <Link
                href={`/bulk/${run.id}`}
                prefetch={false}
                className="font-semibold text-accent no-underline hover:underline"
              >
                {t(`names.${run.action}`)}
              </Link>
              <RunTarget run={run} />
              <p className="text-sm">{t('startedBy', { viewer: escapeBidi(run.viewer) })}</p>
              {run.retries && <RetryCounts counts={run.retries} />}
            </div>
            <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm">
              <span>
                {t('progress', {
                  done: count(processedCount(run.counts)),
                  total: bulkCount(run.expected),
                })}
              </span>
              <RelativeTime iso={run.createdAt} />
              <RunStateBadge state={run.state} />
            </div>
          </li>
        ))}
      </ul>
      <div className="mt-2">
        <Pager path="/bulk" params={{}} previous={page.previous} next={page.next} />
      </div>
    </>
  );
}

function RunTarget({ run: { target, filter, batchId } }: { run: BulkRun }) {
  const t = useTranslations('bulk');
  const jobs = useTranslations('job');
  const parts = target === 'filter' ? (filter ?? '') : '';
  const isEverything = target === 'filter' && !batchId && filterParts(parts).length === 0;
  return (
    <div className="text-sm text-soft">
      {target === 'ids' && t('selectedRows')}
      {isEverything && t('allJobs')}
      {batchId && (
        <p>
          {jobs('batch')} <span className="font-mono break-all">{batchId}</span>
        </p>
      )}
      <FilterParts query={parts} />
    </div>
  );
}
