import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { isBlankName, nameParams } from '@/lib/jobs/links';
import type { JobDetail } from '@/lib/jobs/types';
import { AbsoluteTime } from '../absolute-time';
import { CopyButton } from '../copy-button';
import { Link } from '../link';
import { OmittedNote } from './omitted-note';

/** The attributes of a job. */
export function JobFacts({ job }: { job: JobDetail }) {
  const t = useTranslations();
  const time = (iso: string | null) => (iso ? <AbsoluteTime iso={iso} /> : null);
  const facts: [string, ReactNode][] = [
    [t('jobs.columns.queue'), <Queue key="queue" name={job.queueName} />],
    [t('jobs.columns.priority'), job.priority],
    [t('jobs.columns.attempts'), job.attempts],
    [t('jobs.columns.labels'), job.labels.length > 0 ? <Labels labels={job.labels} /> : null],
    [t('job.errorEvent'), job.errorEvent && t(`errorEvents.${job.errorEvent}`)],
    [t('job.created'), <Created key="created" job={job} />],
    [t('job.scheduled'), time(job.scheduledAt)],
    [t('job.performed'), time(job.performedAt)],
    [t('job.finished'), time(job.finishedAt)],
  ];
  return (
    <section aria-label={t('job.details')} className="card px-4 py-3">
      <dl className="grid grid-cols-[minmax(6rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-1.5">
        {facts
          .filter(([, value]) => value !== null && value !== undefined)
          .map(([name, value]) => (
            <div key={name} className="col-span-2 grid grid-cols-subgrid">
              <dt className="text-soft">{name}</dt>
              <dd className="min-w-0">{value}</dd>
            </div>
          ))}
        <JobId id={job.id} />
      </dl>
      {/* If the arguments were omitted too, JobArguments renders the same note. */}
      {job.tooLarge && job.argumentsJson !== null && (
        <OmittedNote
          tooLarge={job.tooLarge}
          isWhole={job.isWhole}
          jobId={job.id}
          showAllHref={`/jobs/${job.id}?all=1`}
        />
      )}
    </section>
  );
}

function Labels({ labels }: { labels: string[] }) {
  return (
    <span className="flex flex-wrap gap-1">
      {labels.map((label, n) => (
        <span key={n} className="rounded bg-sunken px-1.5 any-break">
          {label}
        </span>
      ))}
    </span>
  );
}

function Queue({ name }: { name: string | null }) {
  const t = useTranslations('jobs');
  return (
    <Link
      href={`/jobs?${new URLSearchParams(nameParams({ queue: name }))}`}
      prefetch={false}
      className="font-mono text-ink any-break hover:text-accent"
    >
      {isBlankName(name) ? t('noQueue') : name}
    </Link>
  );
}

/** The id has a line of its own, on which it fits. */
function JobId({ id }: { id: string }) {
  const t = useTranslations('job');
  return (
    <div className="col-span-2">
      <dt className="text-soft">{t('id')}</dt>
      <dd className="flex items-start gap-1">
        <span className="font-mono text-xs leading-6 break-all">{id}</span>
        <CopyButton text={id} label={t('id')} isIcon />
      </dd>
    </div>
  );
}

/** A retry sets `created_at` to the time of the retry (GoodJob::Job#retry_job). */
function Created({ job: { createdAt, firstEnqueuedAt } }: { job: JobDetail }) {
  const t = useTranslations('job');
  return (
    <>
      <AbsoluteTime iso={createdAt} />
      {firstEnqueuedAt && (
        <span className="block text-xs text-soft">
          {t.rich('createdByRetry', { at: () => <AbsoluteTime iso={firstEnqueuedAt} /> })}
        </span>
      )}
    </>
  );
}
