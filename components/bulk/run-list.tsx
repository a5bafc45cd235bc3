'use client';

import { useTranslations } from 'next-intl';
import { useRef } from 'react';
import { type BulkRun, processedCount } from '@/lib/bulk/types';
import { escapeBidi } from '@/lib/core/text';
import type { Page } from '@/lib/core/urls';
import { filterParts } from '@/lib/jobs/links';
import { useHref } from '../application';
import { FilterParts } from '../jobs/filter-parts';
import { Link } from '../navigation';
import { Pager } from '../pager';
import { RefreshNote } from '../polling/polling-status';
import { useOnScreen, usePollingQuery } from '../polling/use-polling-query';
import { useCount } from '../quantities';
import { fetchJson } from '../requests';
import { RelativeTime } from '../time';
import { useBulkCount } from './bulk-preview';
import { RetryCounts, RunStateBadge } from './run-summary';

/** A page of bulk runs, polled. `query` is the page's URL query. */
export function PolledRunList({
  initial,
  query,
  label,
  empty,
}: {
  initial: Page<BulkRun>;
  query: string;
  label: string;
  empty: string;
}) {
  const href = useHref();
  const list = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(list);
  const endpoint = `/api/bulk${query ? `?${query}` : ''}`;
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = usePollingQuery<Page<BulkRun>>({
    key: [endpoint],
    fetch: (signal) => fetchJson<Page<BulkRun>>(href(endpoint), signal),
    initial,
    enabled: onScreen,
  });
  return (
    <div ref={list}>
      {data.rows.length === 0 ? <NoRuns text={empty} /> : <RunList page={data} label={label} />}
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
    </div>
  );
}

/** Replaces an empty list of runs. */
export function NoRuns({ text }: { text: string }) {
  return (
    <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
      {text}
    </div>
  );
}

/** A page of bulk runs, newest first. */
function RunList({ page, label }: { page: Page<BulkRun>; label: string }) {
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
