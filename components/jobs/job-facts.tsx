import { useFormatter, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { isBlankName, nameParams } from '@/lib/jobs/links';
import type { JobDetail } from '@/lib/jobs/types';
import { AbsoluteTime } from '../absolute-time';
import { Link } from '../link';
import { OmittedNote } from './omitted-note';

/** The attributes of a job, linked to its queue, batch, cron key and process. */
export function JobFacts({ job }: { job: JobDetail }) {
  const t = useTranslations();
  const time = (iso: string | null) => (iso ? <AbsoluteTime iso={iso} /> : null);
  const mono = (text: string | null) =>
    text ? <span className="font-mono text-sm any-break">{text}</span> : null;
  const link = (href: string, text: string | null) =>
    text ? (
      <Link href={href} prefetch={false} className="font-mono text-sm break-all text-accent">
        {text}
      </Link>
    ) : null;
  const facts: [string, ReactNode][] = [
    [t('jobs.columns.queue'), <Queue key="queue" name={job.queueName} />],
    [t('jobs.columns.priority'), job.priority],
    [t('jobs.columns.attempts'), job.attempts],
    [
      t('jobs.columns.labels'),
      job.labels.length > 0 ? (
        <span className="flex flex-wrap gap-1">
          {job.labels.map((label, n) => (
            <span key={n} className="rounded bg-sunken px-1.5 break-all">
              {label}
            </span>
          ))}
        </span>
      ) : null,
    ],
    [t('job.created'), <Created key="created" job={job} />],
    [t('job.scheduled'), time(job.scheduledAt)],
    [t('job.performed'), time(job.performedAt)],
    [t('job.finished'), time(job.finishedAt)],
    [t('job.batch'), link(`/batches/${job.batchId}`, job.batchId)],
    [t('job.callbackBatch'), link(`/batches/${job.batchCallbackId}`, job.batchCallbackId)],
    [
      t('job.cronKey'),
      link(`/jobs?${new URLSearchParams({ cron_key: job.cronKey ?? '' })}`, job.cronKey),
    ],
    [t('job.concurrencyKey'), mono(job.concurrencyKey)],
    [t('job.errorEvent'), job.errorEvent && t(`errorEvents.${job.errorEvent}`)],
    [t('job.lockedBy'), job.lockedById && <LockedBy job={job} />],
  ];
  return (
    <section aria-label={t('job.details')} className="mt-4">
      <dl className="grid grid-cols-2 gap-x-6 gap-y-1.5 md:grid-cols-3 xl:grid-cols-4">
        {facts
          .filter(([, value]) => value !== null && value !== undefined)
          .map(([name, value]) => (
            <div key={name} className="min-w-0">
              <dt className="text-sm text-soft">{name}</dt>
              <dd className="min-w-0">{value}</dd>
            </div>
          ))}
      </dl>
      {job.error && <JobError job={job} text={job.error} />}
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

function Queue({ name }: { name: string | null }) {
  const t = useTranslations('jobs');
  return (
    <Link
      href={`/jobs?${new URLSearchParams(nameParams({ queue: name }))}`}
      prefetch={false}
      className="font-mono text-sm text-accent any-break"
    >
      {isBlankName(name) ? t('noQueue') : name}
    </Link>
  );
}

/** A retry sets `created_at` to the time of the retry (GoodJob::Job#retry_job). */
function Created({ job: { createdAt, firstEnqueuedAt } }: { job: JobDetail }) {
  const t = useTranslations('job');
  return (
    <>
      <AbsoluteTime iso={createdAt} />
      {firstEnqueuedAt && (
        <span className="block text-sm text-soft">
          {t.rich('createdByRetry', { at: () => <AbsoluteTime iso={firstEnqueuedAt} /> })}
        </span>
      )}
    </>
  );
}

function JobError({ job, text }: { job: JobDetail; text: string }) {
  const t = useTranslations('job');
  const format = useFormatter();
  return (
    <div className="mt-3">
      <ErrorHeading job={job} />
      <p
        className={
          'mt-0.5 max-h-60 overflow-auto rounded-md bg-danger-wash px-3 py-2 font-mono text-sm ' +
          'break-words whitespace-pre-wrap any-break'
        }
      >
        {text}
      </p>
      {text.length < job.errorLength && (
        <p className="mt-1 text-sm">
          {t('cutError', {
            shown: format.number(text.length),
            total: format.number(job.errorLength),
          })}{' '}
          <Link href={`/jobs/${job.id}?all=1`} prefetch={false}>
            {t('showAllTexts')}
          </Link>
        </p>
      )}
    </div>
  );
}

/** A retried job keeps its error until the next attempt ends. */
function ErrorHeading({ job: { state, errorAttempt } }: { job: JobDetail }) {
  const t = useTranslations();
  const heading = () => {
    if (errorAttempt) return t('job.errorOfAttempt', { number: errorAttempt.number ?? '?' });
    return t(state === 'discarded' ? 'jobs.error' : 'job.errorBeforeRetry');
  };
  return (
    <h2 className="text-sm text-soft">
      {heading()} {errorAttempt && state !== 'discarded' && <AbsoluteTime iso={errorAttempt.at} />}
    </h2>
  );
}

function LockedBy({ job }: { job: JobDetail }) {
  const t = useTranslations('job');
  return (
    <>
      <Link
        href={`/jobs?process_id=${job.lockedById}`}
        prefetch={false}
        className="font-mono text-sm break-all text-accent"
      >
        {job.lockedById}
      </Link>{' '}
      <span className="text-sm text-soft">
        (
        {job.processSeenAt
          ? t.rich('processSeen', { at: () => <AbsoluteTime iso={job.processSeenAt ?? ''} /> })
          : t('processMissing')}
        )
      </span>
    </>
  );
}
