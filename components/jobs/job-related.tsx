import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { isBlankName, keyHref, nameParams } from '@/lib/jobs/links';
import type { JobDetail } from '@/lib/jobs/types';
import { AbsoluteTime } from '../absolute-time';
import { CopyButton } from '../copy-button';
import { Link } from '../link';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';

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
