'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { type ReactNode, useId, useState } from 'react';
import type { JobRow as Row } from '@/lib/jobs/types';
import { useHold, useLive } from '../live';
import { RawJson } from '../raw-json';
import { RelativeTime } from '../time';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { Tooltip } from '../ui/tooltip';
import type { Acted } from './action-dialog';
import { JobMenu } from './job-menu';
import { OutcomeLine, useOutcomeText } from './outcome-text';
import { StateBadge, StateRefinements } from './state-badge';

export const JOB_GRID = 'job-grid';

/** A value with its name; the name is on the screen where the list has no column heads. */
function Cell({ label, children, className = '' }: { label: string; children: ReactNode; className?: string }) {
  return (
    <div className={`cell ${className}`}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** One job: what it is, its queue, priority, labels and attempts, its state, its menu and its raw JSON. */
export function JobRow({ job, acted, onActed }: { job: Row; acted: Acted | undefined; onActed: (acted: Acted) => void }) {
  const t = useTranslations();
  const { basePath } = useLive();
  const outcomeText = useOutcomeText();
  const [unfolded, setUnfolded] = useState(false);
  const raw = useId();
  useHold(unfolded);
  return (
    <li className="px-3 py-2.5" data-job={job.id}>
      <div className={JOB_GRID}>
        <div className="flex min-w-0 flex-col">
          <Link href={`/jobs/${job.id}`} prefetch={false} className="font-mono text-[13px] font-semibold any-break text-accent no-underline hover:underline">
            {job.jobClass ?? t('jobs.noClass')}
          </Link>
          <span className="font-mono text-[12px] break-all text-soft">{job.id}</span>
        </div>
        <dl className="mt-1.5 grid grid-cols-2 gap-x-3 gap-y-0.5 lg:contents">
          <Cell label={t('jobs.queue')}>
            <span className="block font-mono text-[13px] any-break">{job.queueName}</span>
          </Cell>
          <Cell label={t('jobs.priority')} className="lg:text-right">
            {job.priority}
          </Cell>
          <Cell label={t('jobs.labels')}>
            <ul className="flex flex-wrap gap-1">
              {job.labels.map((label, n) => (
                <li key={n} className="chip" title={label}>
                  {label}
                </li>
              ))}
            </ul>
          </Cell>
          <Cell label={t('jobs.attempts')} className="lg:text-right">
            <Attempts job={job} />
          </Cell>
        </dl>
        <div className="mt-1.5 flex flex-wrap items-center gap-x-2 gap-y-1 lg:contents">
          <span className="text-[13px] text-soft lg:text-right">
            <RelativeTime iso={job.lastAt} />
          </span>
          <span className="flex flex-col items-start gap-0.5">
            <StateBadge state={job.state} />
            <StateRefinements paused={job.paused} lostWorker={job.lostWorker} />
          </span>
          <span className="ml-auto flex items-center justify-end lg:ml-0">
            <a href={`${basePath}/jobs/${job.id}?raw=1#raw`} className={`${buttonClass('quiet')} no-js-only px-1.5`} aria-label={t('jobs.showRaw', { id: job.id })}>
              <Icon name="unfold" />
            </a>
            <button type="button" aria-expanded={unfolded} aria-controls={raw} aria-label={t(unfolded ? 'jobs.hideRaw' : 'jobs.showRaw', { id: job.id })} title={t('jobs.raw')} onClick={() => setUnfolded(!unfolded)} className={`${buttonClass('quiet')} js-only px-1.5`}>
              <Icon name={unfolded ? 'fold' : 'unfold'} />
            </button>
            <JobMenu job={job} onActed={onActed} />
          </span>
        </div>
      </div>
      {acted && (
        <div className="mt-1">
          <OutcomeLine done={acted.result.ok && acted.result.value.outcome === 'done'} text={outcomeText(acted.action, acted.result)} />
        </div>
      )}
      <div id={raw} className={unfolded ? 'mt-2' : undefined}>
        {unfolded && <RawJson path={`/api/jobs/${job.id}/raw`} label={t('jobs.raw')} />}
      </div>
    </li>
  );
}

/** How often it was tried; the last error on hover and focus. */
function Attempts({ job }: { job: Row }) {
  const t = useTranslations('jobs');
  if (!job.error?.trim()) return <span className="block">{job.attempts}</span>;
  return (
    <Tooltip content={<span className="font-mono text-[13px]">{job.error}</span>}>
      <button type="button" aria-label={t('errorOf', { attempts: job.attempts, error: job.error })} className="min-w-6 cursor-help rounded bg-discarded-wash px-1.5 text-center font-medium text-discarded">
        {job.attempts}
      </button>
    </Tooltip>
  );
}
