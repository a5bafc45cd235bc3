import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { Denial } from '@/lib/auth/roles';
import { isBlankName, keyHref, nameParams } from '@/lib/jobs/links';
import type { JobDetail } from '@/lib/jobs/types';
import { REDACTION_MARKER } from '@/lib/redaction/redaction';
import { CopyButton } from '../copy-button';
import { Link } from '../navigation';
import { AbsoluteTime } from '../time';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { OmittedNote } from './job-text';

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

/** The links of LINK_LOGS, LINK_ERRORS and LINK_CLASS for a job; null if unset. */
type JobLinks = Record<'logs' | 'errors' | 'class', string | null>;
const LINKS = ['logs', 'errors', 'class'] as const;

/** What belongs to a job: batch, cron entry, jobs of the same key and class, other tools. */
export function JobRelated({ job, links }: { job: JobDetail; links: JobLinks }) {
  const t = useTranslations();
  const page = (href: string, text: string) => (
    <Link href={href} prefetch={false} className="font-mono text-ink any-break hover:text-accent">
      {text}
    </Link>
  );
  const { batchId, batchCallbackId, cronKey, concurrencyKey, jobClass, lockedById } = job;
  const classParams = new URLSearchParams(nameParams({ class: jobClass }));
  const rows: [string, ReactNode][] = [
    [t('job.batch'), batchId && page(`/batches/${batchId}`, batchId)],
    [
      t('job.callbackBatch'),
      batchCallbackId && page(`/batches/${batchCallbackId}`, batchCallbackId),
    ],
    [
      t('job.cronKey'),
      cronKey && page(`/jobs?${new URLSearchParams({ cron_key: cronKey })}`, cronKey),
    ],
    [t('job.concurrencyKey'), concurrencyKey && page(keyHref(concurrencyKey), concurrencyKey)],
    [
      t('job.sameClass'),
      page(`/jobs?${classParams}`, isBlankName(jobClass) ? t('jobs.noClass') : (jobClass ?? '')),
    ],
    [t('job.lockedBy'), lockedById && <LockedBy job={job} />],
  ];
  return (
    <section aria-labelledby="related" className="card px-4 py-3">
      <h2 id="related" className="card-title mb-1.5">
        {t('job.related')}
      </h2>
      <dl className="flex flex-col gap-1.5">
        {rows
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name} className="min-w-0">
              <dt className="text-xs text-soft">{name}</dt>
              <dd className="min-w-0">{value}</dd>
            </div>
          ))}
      </dl>
      <div className="mt-2 flex flex-wrap gap-2">
        {LINKS.map((name) => {
          const href = links[name];
          if (href === null) return null;
          return (
            <a
              key={name}
              href={href}
              target="_blank"
              rel="noopener noreferrer"
              className={buttonClass()}
            >
              {t(`job.links.${name}`)}
              <Icon name="external" className="size-3.5" />
            </a>
          );
        })}
        <CopyButton text={`GoodJob::Job.find("${job.id}")`} caption={t('job.copyConsole')} />
      </div>
    </section>
  );
}

function LockedBy({ job: { lockedById, processSeenAt } }: { job: JobDetail }) {
  const t = useTranslations('job');
  return (
    <>
      <Link
        href={`/jobs?process_id=${lockedById}`}
        prefetch={false}
        className="font-mono text-ink any-break hover:text-accent"
      >
        {lockedById}
      </Link>
      <span className="block text-xs text-soft">
        {processSeenAt
          ? t.rich('processSeen', { at: () => <AbsoluteTime iso={processSeenAt} /> })
          : t('processMissing')}
      </span>
    </>
  );
}

/** Explains the redaction marks in a job's data and links to the page that reveals it. */
export function HiddenNote({ jobId, denial }: { jobId: string; denial?: Denial }) {
  const t = useTranslations('reveal');
  return (
    <p className="mt-1 text-sm text-soft">
      {t.rich('note', {
        mark: REDACTION_MARKER,
        code: (chunks) => <code className="font-mono">{chunks}</code>,
      })}{' '}
      {denial ? (
        t(`why.${denial}`)
      ) : (
        <Link href={`/jobs/${jobId}/reveal`} prefetch={false}>
          {t('link')}
        </Link>
      )}
    </p>
  );
}
