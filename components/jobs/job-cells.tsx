import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { type Column, type FixedColumn, type JobRow, isArgumentPath } from '@/lib/jobs/types';
import { Link } from '../link';
import { RelativeTime } from '../time';
import { Tooltip } from '../ui/tooltip';
import { ErrorEventNote, StateBadge, StateRefinements } from './state-badge';

const CLASSES: Record<FixedColumn, string> = {
  queue: 'lg:w-32',
  priority: 'lg:w-16 lg:text-right',
  labels: 'lg:w-40',
  attempts: 'lg:w-20 lg:text-right',
  created: 'lg:w-32 lg:text-right',
  scheduled: 'lg:w-32 lg:text-right',
  performed: 'lg:w-32 lg:text-right',
  finished: 'lg:w-32 lg:text-right',
  error: 'lg:w-56 max-lg:col-span-2',
  batch: 'lg:w-24',
  cron: 'lg:w-36',
  time: 'lg:w-32 lg:text-right',
  state: 'lg:w-[9.5rem]',
};

/** Width and alignment of a column, shared by its header and its cells. */
export function columnClass(column: Column): string {
  return isArgumentPath(column) ? 'lg:w-36 max-lg:col-span-2' : CLASSES[column];
}

/** Returns a function that names a column; a custom column is named by its path. */
export function useColumnName(): (column: Column) => string {
  const t = useTranslations('jobs.columns');
  return (column) => (isArgumentPath(column) ? column : t(column));
}

/**
 * The cell of a job. `labelHref` returns the link of a label; null renders labels without links.
 */
export function JobCell({
  column,
  job,
  labelHref,
}: {
  column: Column;
  job: JobRow;
  labelHref: ((label: string) => string) | null;
}): ReactNode {
  switch (column) {
    case 'queue':
      return <span className="block font-mono text-sm any-break">{job.queueName}</span>;
    case 'priority':
      return job.priority;
    case 'labels':
      return <Labels labels={job.labels} href={labelHref} />;
    case 'attempts':
      return <Attempts job={job} />;
    case 'error':
      return (
        job.error && (
          <span className="line-clamp-2 font-mono text-xs text-discarded any-break">
            {job.error}
          </span>
        )
      );
    case 'batch':
      return (
        job.batchId && (
          <Link
            href={`/batches/${job.batchId}`}
            prefetch={false}
            className="font-mono text-xs text-accent"
          >
            {job.batchId.slice(0, 8)}
          </Link>
        )
      );
    case 'time':
      return <RelativeTime iso={job.lastAt} />;
    case 'state':
      return (
        <span className="flex flex-col items-start gap-0.5">
          <StateBadge state={job.state} />
          <StateRefinements paused={job.paused} lostWorker={job.lostWorker} />
          <ErrorEventNote job={job} />
        </span>
      );
    case 'created':
    case 'scheduled':
    case 'performed':
    case 'finished': {
      const at = job.extra?.[column];
      return at && <RelativeTime iso={at} />;
    }
    default:
      return (
        <span className="line-clamp-2 font-mono text-xs any-break">{job.extra?.[column]}</span>
      );
  }
}

function Labels({ labels, href }: { labels: string[]; href: ((label: string) => string) | null }) {
  return (
    <ul className="flex flex-wrap gap-1">
      {labels.map((label, n) => (
        <li key={n} className="chip" title={label}>
          {href ? (
            <Link href={href(label)} prefetch={false} className="no-underline hover:underline">
              {label}
            </Link>
          ) : (
            label
          )}
        </li>
      ))}
    </ul>
  );
}

/** The number of attempts, with the last error as a tooltip. */
function Attempts({ job }: { job: JobRow }) {
  const t = useTranslations('jobs');
  if (!job.error?.trim()) return <span className="block">{job.attempts}</span>;
  return (
    <Tooltip content={<span className="font-mono text-sm">{job.error}</span>}>
      <button
        type="button"
        aria-label={t('errorOf', { attempts: job.attempts, error: job.error })}
        className="min-w-6 cursor-help rounded bg-discarded-wash px-1.5 text-center font-medium text-discarded"
      >
        {job.attempts}
      </button>
    </Tooltip>
  );
}
