import { useTranslations } from 'next-intl';
import type { ExecutionPage, ExecutionRow } from '@/lib/jobs/types';
import { Link } from '../link';
import { useDuration } from '../quantities';
import { RelativeTime } from '../time';
import { Icon, type IconName } from '../ui/icon';
import { ExecutionRaw } from './execution-raw';
import { OmittedNote } from './omitted-note';
import { STATE_CLASSES } from './state-badge';

interface Props {
  jobId: string;
  page: ExecutionPage;
  /** The first execution of this page; null for the newest. */
  from: string | null;
}

/** The URL of the page of executions that starts with `from`, scrolled to the execution `at`. */
function executionsHref(
  jobId: string,
  from: string | null,
  { at, all }: { at?: string; all?: string } = {},
): string {
  const params = new URLSearchParams({
    ...(from ? { executions: from } : {}),
    ...(all ? { all } : {}),
  });
  return `/jobs/${jobId}${params.size > 0 ? `?${params}` : ''}#${at ?? 'executions'}`;
}

/** One page of executions, newest first. */
export function Executions({ jobId, page, from }: Props) {
  const t = useTranslations('job');
  const { rows, newer, older, firstFailure } = page;
  if (rows.length === 0) return <p className="text-soft">{t('noExecutions')}</p>;
  const isFailureOnPage = rows.some(({ id }) => id === firstFailure?.id);
  const hasPages = newer !== null || older !== null;
  return (
    <>
      {(hasPages || (firstFailure && rows.length > 1)) && (
        <p className="mb-1 flex flex-wrap items-baseline gap-x-4 gap-y-1 text-sm">
          {hasPages && newer === null && (
            <span className="text-soft">{t('moreExecutions', { count: rows.length })}</span>
          )}
          {newer && (
            <Link href={executionsHref(jobId, newer.from)} className="text-accent">
              {t('newerExecutions')}
            </Link>
          )}
          {older && (
            <Link href={executionsHref(jobId, older.from)} className="text-accent">
              {t('olderExecutions')}
            </Link>
          )}
          {firstFailure && (
            <Link
              href={executionsHref(jobId, isFailureOnPage ? from : firstFailure.id, {
                at: firstFailure.id,
              })}
              className="text-accent"
            >
              {t('firstFailure', { number: firstFailure.number ?? '?' })}
            </Link>
          )}
        </p>
      )}
      <ol className="divide-y divide-line rounded-md border border-line">
        {rows.map((execution) => (
          <Execution
            key={execution.id}
            jobId={jobId}
            execution={execution}
            showAllHref={executionsHref(jobId, from, { at: execution.id, all: execution.id })}
          />
        ))}
      </ol>
      {older && (
        <p className="mt-1 text-sm">
          <Link href={executionsHref(jobId, older.from)} className="text-accent">
            {t('olderExecutions')}
          </Link>
        </p>
      )}
    </>
  );
}

function Execution({
  jobId,
  execution,
  showAllHref,
}: {
  jobId: string;
  execution: ExecutionRow;
  showAllHref: string;
}) {
  const t = useTranslations();
  const duration = useDuration();
  return (
    <li id={execution.id} className="px-3 py-2.5">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <h3 className="font-semibold">{t('job.attempt', { number: execution.number ?? '?' })}</h3>
        <ExecutionBadge state={execution.state} />
        <span className="text-sm text-soft">
          <RelativeTime iso={execution.finishedAt ?? execution.createdAt} />
        </span>
        {execution.queueWait !== null && (
          <span className="text-sm whitespace-nowrap">
            <span className="text-soft">{t('job.queueWait')}</span> {duration(execution.queueWait)}
          </span>
        )}
        {execution.runTime !== null && (
          <span className="text-sm whitespace-nowrap">
            <span className="text-soft">{t('job.runTime')}</span> {duration(execution.runTime)}
          </span>
        )}
        {execution.errorEvent && (
          <span className="text-sm whitespace-nowrap">
            <span className="text-soft">{t('job.errorEvent')}</span>{' '}
            {t(`errorEvents.${execution.errorEvent}`)}
          </span>
        )}
      </div>
      {execution.processId && (
        <p className="mt-0.5 text-xs text-soft">
          {t('job.process')}{' '}
          <Link
            href={`/jobs?process_id=${execution.processId}`}
            prefetch={false}
            className="font-mono break-all text-accent"
          >
            {execution.processId}
          </Link>
        </p>
      )}
      {execution.error !== null && (
        <p
          className={
            'mt-1.5 max-h-60 overflow-auto rounded-md bg-danger-wash px-3 py-2 font-mono text-sm ' +
            'break-words whitespace-pre-wrap any-break'
          }
        >
          {execution.error}
        </p>
      )}
      <Backtrace execution={execution} />
      <OmittedNote
        tooLarge={execution.tooLarge}
        isWhole={execution.isWhole}
        jobId={jobId}
        showAllHref={showAllHref}
      />
      {execution.isCut && !execution.tooLarge && (
        <p className="mt-1 text-sm">
          <Link href={showAllHref} prefetch={false}>
            {t('job.showWhole')}
          </Link>
        </p>
      )}
      <ExecutionRaw id={execution.id} />
    </li>
  );
}

function ExecutionBadge({ state }: Pick<ExecutionRow, 'state'>) {
  const t = useTranslations('executionStates');
  const badge = state === 'interrupted' ? 'bg-warn-wash text-warn' : STATE_CLASSES[state].badge;
  return (
    <span className={`badge ${badge}`}>
      <Icon name={executionIcon(state)} className="size-3.5" />
      {t(state)}
    </span>
  );
}

export function executionIcon(state: ExecutionRow['state']): IconName {
  return state === 'interrupted' ? 'lost' : state;
}

/** The application's frames; library frames are collapsed. */
function Backtrace({ execution: { applicationFrames, otherFrames } }: { execution: ExecutionRow }) {
  const t = useTranslations('job');
  if (applicationFrames.length + otherFrames.length === 0) return null;
  const renderFrames = (list: string[]) => (
    <ul className="font-mono text-xs">
      {list.map((frame, n) => (
        <li key={n} className="any-break">
          {frame}
        </li>
      ))}
    </ul>
  );
  return (
    <div className="mt-1.5">
      <h4 className="text-sm text-soft">{t('backtrace')}</h4>
      {renderFrames(applicationFrames)}
      {otherFrames.length > 0 && (
        <details className="mt-0.5">
          <summary className="text-sm text-soft">
            {t('otherFrames', { count: otherFrames.length })}
          </summary>
          {renderFrames(otherFrames)}
        </details>
      )}
    </div>
  );
}
