import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { EXECUTIONS_SHOWN, type ExecutionRow } from '@/lib/jobs/types';
import { useDuration } from '../quantities';
import { RelativeTime } from '../time';
import { Icon, type IconName } from '../ui/icon';
import { ExecutionRaw } from './execution-raw';
import { STATE_CLASSES } from './state-badge';
import { UnreadNote } from './unread-note';

/** All attempts, newest first. */
export function Executions({ jobId, executions }: { jobId: string; executions: ExecutionRow[] }) {
  const t = useTranslations('job');
  if (executions.length === 0) return <p className="text-soft">{t('noExecutions')}</p>;
  return (
    <>
      {executions.length === EXECUTIONS_SHOWN && (
        <p className="mb-1 text-[13px] text-soft">
          {t('moreExecutions', { count: executions.length })}
        </p>
      )}
      <ol className="divide-y divide-line rounded-md border border-line">
        {executions.map((execution) => (
          <Execution key={execution.id} jobId={jobId} execution={execution} />
        ))}
      </ol>
    </>
  );
}

function Execution({ jobId, execution }: { jobId: string; execution: ExecutionRow }) {
  const t = useTranslations();
  const duration = useDuration();
  const icon: IconName = execution.state;
  const whole = `/jobs/${jobId}?all=${execution.id}#${execution.id}`;
  return (
    <li id={execution.id} className="px-3 py-2.5">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <h3 className="font-semibold">{t('job.attempt', { number: execution.number ?? '?' })}</h3>
        <span className={`badge ${STATE_CLASSES[execution.state].badge}`}>
          <Icon name={icon} className="size-3.5" />
          {t(`executionStates.${execution.state}`)}
        </span>
        <span className="text-[13px] text-soft">
          <RelativeTime iso={execution.finishedAt ?? execution.createdAt} />
        </span>
        {execution.queueWait !== null && (
          <span className="text-[13px] whitespace-nowrap">
            <span className="text-soft">{t('job.queueWait')}</span> {duration(execution.queueWait)}
          </span>
        )}
        {execution.runTime !== null && (
          <span className="text-[13px] whitespace-nowrap">
            <span className="text-soft">{t('job.runTime')}</span> {duration(execution.runTime)}
          </span>
        )}
        {execution.errorEvent && (
          <span className="text-[13px] whitespace-nowrap">
            <span className="text-soft">{t('job.errorEvent')}</span>{' '}
            {t(`errorEvents.${execution.errorEvent}`)}
          </span>
        )}
      </div>
      {execution.processId && (
        <p className="mt-0.5 text-[12.5px] text-soft">
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
        <p className="mt-1.5 max-h-60 overflow-auto rounded-md bg-danger-wash px-3 py-2 font-mono text-[13px] break-words whitespace-pre-wrap any-break">
          {execution.error}
        </p>
      )}
      <Backtrace execution={execution} />
      <UnreadNote
        tooLarge={execution.tooLarge}
        isWhole={execution.isWhole}
        jobId={jobId}
        showAll={whole}
      />
      {execution.isCut && !execution.tooLarge && (
        <p className="mt-1 text-[13px]">
          <Link href={whole} prefetch={false}>
            {t('job.showWhole')}
          </Link>
        </p>
      )}
      <ExecutionRaw id={execution.id} />
    </li>
  );
}

/** The app's own frames first; those of libraries folded. */
function Backtrace({ execution: { applicationFrames, otherFrames } }: { execution: ExecutionRow }) {
  const t = useTranslations('job');
  if (applicationFrames.length + otherFrames.length === 0) return null;
  const frames = (list: string[]) => (
    <ul className="font-mono text-[12.5px]">
      {list.map((frame, n) => (
        <li key={n} className="any-break">
          {frame}
        </li>
      ))}
    </ul>
  );
  return (
    <div className="mt-1.5">
      <h4 className="text-[13px] text-soft">{t('backtrace')}</h4>
      {frames(applicationFrames)}
      {otherFrames.length > 0 && (
        <details className="mt-0.5">
          <summary className="text-[13px] text-soft">
            {t('otherFrames', { count: otherFrames.length })}
          </summary>
          {frames(otherFrames)}
        </details>
      )}
    </div>
  );
}
