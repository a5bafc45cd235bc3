import { useTranslations } from 'next-intl';
import type { ExecutionPage, ExecutionRow } from '@/lib/jobs/types';
import { Link } from '../navigation';
import { useDuration } from '../quantities';
import { AbsoluteTime } from '../time';
import { Icon, type IconName } from '../ui/icon';
import { ExecutionRaw } from './job-raw';
import { ErrorText, OmittedNote } from './job-text';

interface Props {
  jobId: string;
  page: ExecutionPage;
  /** The first execution of this page; null for the newest. */
  from: string | null;
  /** The execution to unfold in addition to the newest one. */
  openId: string | null;
}

/** The URL of the page of executions that starts with `from`, scrolled to the execution `at`. */
function executionsHref(
  jobId: string,
  from: string | null,
  { at, all }: { at?: string; all?: string } = {},
): string {
  const params = new URLSearchParams({
    ...(from ? { executions: from } : {}),
    ...(at ? { attempt: at } : {}),
    ...(all ? { all } : {}),
  });
  return `/jobs/${jobId}${params.size > 0 ? `?${params}` : ''}#${at ?? 'executions'}`;
}

/** One page of executions, newest first. */
export function Executions({ jobId, page, from, openId }: Props) {
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
      <ol className="divide-y divide-line">
        {rows.map((execution, n) => (
          <Execution
            key={execution.id}
            jobId={jobId}
            execution={execution}
            isOpen={n === 0 || execution.id === openId}
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
  isOpen,
  showAllHref,
}: {
  jobId: string;
  execution: ExecutionRow;
  isOpen: boolean;
  showAllHref: string;
}) {
  const t = useTranslations('job');
  return (
    <li id={execution.id} className="py-1.5">
      <details open={isOpen}>
        <ExecutionSummary execution={execution} />
        <div className="pt-1 pb-1.5 pl-4">
          {execution.processId && (
            <p className="text-xs text-soft">
              {t('process')}{' '}
              <Link
                href={`/jobs?process_id=${execution.processId}`}
                prefetch={false}
                className="font-mono break-all text-ink hover:text-accent"
              >
                {execution.processId}
              </Link>
            </p>
          )}
          {execution.error !== null && (
            <div className="mt-1.5">
              <ErrorText
                text={execution.error}
                label={t('errorOfAttempt', { number: execution.number ?? '?' })}
              />
            </div>
          )}
          <Backtrace execution={execution} />
          <OmittedNote
            tooLarge={execution.tooLarge}
            isWhole={execution.isWhole}
            jobId={jobId}
            showAllHref={showAllHref}
          />
          {execution.isCut && !execution.tooLarge && (
            <p className="mt-1">
              <Link href={showAllHref} prefetch={false}>
                {t('showWhole')}
              </Link>
            </p>
          )}
          <ExecutionRaw id={execution.id} />
        </div>
      </details>
    </li>
  );
}

/** Nothing in it is focusable, because the summary itself is a control. */
function ExecutionSummary({ execution }: { execution: ExecutionRow }) {
  const t = useTranslations();
  const duration = useDuration();
  const value = (name: string, text: string) => (
    <span className="whitespace-nowrap">
      <span className="text-soft">{name}</span> {text}
    </span>
  );
  return (
    <summary className="min-h-6">
      <span className="inline-flex max-w-[calc(100%-1.25rem)] flex-wrap items-center gap-x-3 gap-y-1 align-top">
        <h3 className="font-semibold">{t('job.attempt', { number: execution.number ?? '?' })}</h3>
        <ExecutionBadge state={execution.state} />
        <span className="text-soft">
          <AbsoluteTime iso={execution.finishedAt ?? execution.createdAt} />
        </span>
        {execution.queueWait !== null && value(t('job.queueWait'), duration(execution.queueWait))}
        {execution.runTime !== null && value(t('job.runTime'), duration(execution.runTime))}
        {execution.errorEvent &&
          value(t('job.errorEvent'), t(`errorEvents.${execution.errorEvent}`))}
      </span>
    </summary>
  );
}

/** Colour only for a failure: a success is grey. */
const BADGES: Record<ExecutionRow['state'], string> = {
  running: 'text-running',
  interrupted: 'bg-warn-wash text-warn',
  succeeded: 'text-soft',
  retried: 'text-retried',
  discarded: 'bg-discarded-wash text-discarded',
};

function ExecutionBadge({ state }: Pick<ExecutionRow, 'state'>) {
  const t = useTranslations('executionStates');
  return (
    <span className={`badge ${BADGES[state]}`}>
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
