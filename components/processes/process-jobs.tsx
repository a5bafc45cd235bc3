import { useTranslations } from 'next-intl';
import { isBlankName } from '@/lib/jobs/links';
import type { ProcessRow } from '@/lib/processes/queries';
import { Link } from '../link';
import { useCountText } from '../quantities';
import { RelativeTime } from '../time';

/** The jobs that a process runs, or that a dead process still locks. */
export function ProcessJobs({ process }: { process: ProcessRow }) {
  const t = useTranslations('processes');
  const jobs = useTranslations('jobs');
  const countText = useCountText();
  const { text } = countText(process.running);
  if (process.jobs.length === 0) return <p className="mt-2 text-sm text-soft">{t('noJobs')}</p>;
  const isDead = process.state === 'dead';
  return (
    <div className="mt-2 text-sm">
      <h3 className={isDead ? 'text-warn' : 'text-soft'}>
        {t(isDead ? 'heldJobs' : 'runningJobs')}
        <Link
          href={`/jobs?${new URLSearchParams({ state: 'running', process_id: process.id })}`}
          prefetch={false}
          className="ml-1 text-accent underline"
        >
          {t('allJobs', { number: text })}
        </Link>
      </h3>
      <ul className="mt-0.5 flex flex-col gap-0.5">
        {process.jobs.map((job) => (
          <li key={job.id} className="flex min-w-0 flex-wrap items-baseline gap-x-3">
            <Link
              href={`/jobs/${job.id}`}
              prefetch={false}
              className="font-mono any-break text-ink no-underline hover:text-accent hover:underline"
            >
              {isBlankName(job.jobClass) ? jobs('noClass') : job.jobClass}
            </Link>
            {!isBlankName(job.queueName) && <span className="chip">{job.queueName}</span>}
            <span className="text-soft">
              <RelativeTime iso={job.performedAt} />
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
