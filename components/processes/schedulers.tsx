import { useTranslations } from 'next-intl';
import { isTimestamp } from '@/lib/core/text';
import type { ProcessRow } from '@/lib/processes/queries';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';

type Scheduler = NonNullable<ProcessRow['reportedState']>['schedulers'][number];

/** The thread pools of a process with their queues. */
export function Schedulers({ schedulers, total }: { schedulers: Scheduler[]; total: number }) {
  const t = useTranslations('processes');
  const count = useCount();
  if (total === 0) return <p className="mt-2 text-sm text-soft">{t('noSchedulers')}</p>;
  return (
    <div className="mt-2">
      <h3 className="text-sm text-soft">{t('schedulers')}</h3>
      <ul className="mt-0.5 flex flex-col gap-1">
        {schedulers.map((scheduler, n) => (
          <SchedulerLine key={n} scheduler={scheduler} />
        ))}
      </ul>
      {total > schedulers.length && (
        <p className="text-sm text-soft">
          {t('moreSchedulers', {
            count: total - schedulers.length,
            number: count(total - schedulers.length),
          })}
        </p>
      )}
    </div>
  );
}

function SchedulerLine({ scheduler }: { scheduler: Scheduler }) {
  const t = useTranslations('processes');
  const count = useCount();
  const {
    queues,
    name,
    maxThreads,
    activeThreads,
    succeeded,
    errored,
    empty,
    activeCache,
    maxCache,
  } = scheduler;
  const formatCount = (value: number | null) => (value === null ? '?' : count(value));
  return (
    <li
      title={name ?? undefined}
      className="flex min-w-0 flex-wrap items-baseline gap-x-4 rounded bg-sunken px-2 py-1 text-sm"
    >
      <span className="min-w-0 font-mono any-break">
        <span className="text-soft">queues=</span>
        {queues ?? name ?? t('notReported')}
      </span>
      <span className="font-mono whitespace-nowrap">
        <span className="text-soft">max_threads=</span>
        {maxThreads ?? t('notReported')}
      </span>
      <span className="whitespace-nowrap">
        {t('busy', { busy: formatCount(activeThreads), total: formatCount(maxThreads) })}
      </span>
      {[succeeded, errored, empty].some((value) => value !== null) && (
        <span className="text-soft">
          {t('counts', {
            succeeded: formatCount(succeeded),
            errored: formatCount(errored),
            empty: formatCount(empty),
          })}
        </span>
      )}
      {(activeCache !== null || maxCache !== null) && (
        <span className="whitespace-nowrap text-soft">
          {t('cache', { active: formatCount(activeCache), max: formatCount(maxCache) })}
        </span>
      )}
      <ReportedTime label={t('executionAt')} at={scheduler.executionAt} />
      <ReportedTime label={t('checkQueueAt')} at={scheduler.checkQueueAt} />
    </li>
  );
}

/** A time of the worker's clock. */
function ReportedTime({ label, at }: { label: string; at: string | null }) {
  if (at === null) return null;
  return (
    <span className="text-soft">
      {label} {isTimestamp(at) ? <RelativeTime iso={at} /> : at}
    </span>
  );
}
