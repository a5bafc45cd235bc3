'use client';

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { type ReactNode, useState } from 'react';
import type { JobPage, JobRow as Row } from '@/lib/jobs/types';
import type { Page } from '@/lib/paging';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import { Pager } from '../pager';
import { RefreshNote } from '../refresh-note';
import type { Acted } from './action-dialog';
import { JOB_GRID, JobRow } from './job-row';
import { OutcomeLine, useOutcomeText } from './outcome-text';
import { SearchNote } from './search-note';

interface Props {
  /** The list's polling door with its query, without the base path. */
  door: string;
  /** The first paint. */
  initial: Page<Row> | JobPage;
  /** The page's own path and filter, for the links to other pages; null: this list has one page. */
  page: { path: string; params: Record<string, string> } | null;
  label: string;
  empty: ReactNode;
  newestFirst?: boolean;
}

/** A list of jobs that keeps itself fresh, with their actions. */
export function JobList({ door, initial, page, label, empty, newestFirst = true }: Props) {
  const t = useTranslations('jobs');
  const { basePath, interval } = useLive();
  const outcomeText = useOutcomeText();
  const [acted, setActed] = useState<Record<string, Acted>>({});
  const client = useQueryClient();
  const { data, error, dataUpdatedAt } = useQuery({
    queryKey: [door],
    queryFn: () => fetchJson<Page<Row> | JobPage>(basePath + door),
    initialData: initial,
    staleTime: 1000,
    refetchInterval: interval,
  });
  const shown = new Set(data.rows.map((row) => row.id));
  const gone = Object.values(acted).filter(({ id }) => !shown.has(id));
  const onActed = (result: Acted) => {
    setActed((all) => ({ ...all, [result.id]: result }));
    // Not this list alone: a batch's progress, its callback jobs, an unfolded job may have changed with it.
    void client.invalidateQueries();
  };
  return (
    <div>
      {gone.map((one) => (
        <div key={one.id} className="mb-2">
          <OutcomeLine done={one.result.ok && one.result.value.outcome === 'done'} text={outcomeText(one.action, one.result)} jobId={one.id} />
        </div>
      ))}
      {page && 'searched' in data && <SearchNote search={data} path={page.path} params={page.params} />}
      {data.rows.length === 0 ? (
        <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">{empty}</div>
      ) : (
        <div className="rounded-md border border-line">
          <div aria-hidden="true" className={`border-b border-line bg-sunken px-3 py-1.5 text-[13px] text-soft max-lg:sr-only ${JOB_GRID}`}>
            <div>{t('job')}</div>
            <div>{t('queue')}</div>
            <div className="lg:text-right">{t('priority')}</div>
            <div>{t('labels')}</div>
            <div className="lg:text-right">{t('attempts')}</div>
            <div className="lg:text-right">{t('time')}</div>
            <div>{t('state')}</div>
            <div />
          </div>
          <ul aria-label={label} className="divide-y divide-line">
            {data.rows.map((job) => (
              <JobRow key={job.id} job={job} acted={acted[job.id]} onActed={onActed} />
            ))}
          </ul>
        </div>
      )}
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        {page ? <Pager path={page.path} params={page.params} previous={data.previous} next={data.next} newestFirst={newestFirst} /> : <span />}
        {error && <RefreshNote at={dataUpdatedAt} />}
      </div>
    </div>
  );
}
