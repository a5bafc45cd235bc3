'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import type { JobDetail } from '@/lib/jobs/types';
import { useHref } from '../application';
import { fetchJson } from '../fetch-json';
import { Button } from '../ui/button';
import { ErrorText } from './error-text';
import { JobArguments } from './job-arguments';
import { JobRaw } from './job-raw';

/** The details of an expanded row, fetched on expanding: error, arguments and raw JSON. */
export function JobRowDetails({ id }: { id: string }) {
  const t = useTranslations();
  const href = useHref();
  const path = `/api/jobs/${id}`;
  const {
    data: job,
    error,
    refetch,
  } = useQuery({
    queryKey: [path],
    queryFn: ({ signal }) => fetchJson<JobDetail>(href(path), signal),
    staleTime: 0,
  });
  if (error)
    return (
      <p role="alert" className="flex items-center gap-2 text-danger">
        {t('errors.partial')} <Button onClick={() => void refetch()}>{t('errors.retry')}</Button>
      </p>
    );
  if (!job) return <p className="text-soft">{t('common.loading')}</p>;
  return (
    <div className="flex flex-col gap-3 border-l-2 border-line pl-3">
      {job.error?.trim() && (
        <div>
          <p className="mb-1 text-sm text-soft">{t('jobs.error')}</p>
          <ErrorText text={job.error} label={t('jobs.error')} />
        </div>
      )}
      <div>
        <p className="mb-1 text-sm text-soft">{t('job.arguments')}</p>
        <JobArguments job={job} />
      </div>
      <div>
        <JobRaw id={id} raw={null} />
      </div>
    </div>
  );
}
