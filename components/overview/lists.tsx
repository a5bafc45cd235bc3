import { useFormatter, useTranslations } from 'next-intl';
import type { StuckCause } from '@/lib/batches/types';
import type { UpcomingCron } from '@/lib/cron/types';
import { isBlankName } from '@/lib/jobs/links';
import type { Act, Acts, Cause, OpenBatch, OpenBatches, RunningJob } from '@/lib/overview/types';
import { BatchDescription, ProgressBar } from '../batches/batch-summary';
import { Link } from '../navigation';
import { useCount, useCountText, useDuration } from '../quantities';
import { RelativeTime } from '../time';
import { TooLarge } from '../too-large';
import { Sparkline } from '../ui/inline-charts';
import { useActionName } from './bars';

const ROW = 'flex min-w-0 items-center gap-3 border-t border-line py-2 first:border-0 first:pt-0';

function ClassName({ name }: { name: string | null }) {
  const t = useTranslations('jobs');
  return name === null || isBlankName(name) ? t('noClass') : name;
}

/** The most frequent causes of failures in the last day. */
export function CauseList({ causes }: { causes: Cause[] }) {
  const t = useTranslations('overview.causes');
  const failures = useTranslations('failures');
  const countText = useCountText();
  if (causes.length === 0) return <p className="text-soft">{t('empty')}</p>;
  return (
    <ul>
      {causes.map(({ fingerprint, error, jobClass, tooLarge, count, isNew, spark }) => (
        <li key={fingerprint} data-cause={fingerprint} className={ROW}>
          <div className="min-w-0 flex-1">
            <Link
              href={`/cleaner?group=${fingerprint}#${fingerprint}`}
              prefetch={false}
              className="block truncate no-underline hover:underline"
            >
              {tooLarge ? <TooLarge /> : error || failures('blankError')}
            </Link>
            <p className="truncate text-xs text-soft">
              <ClassName name={jobClass} />
            </p>
          </div>
          {isNew && <span className="pill bg-discarded-wash text-discarded">{t('new')}</span>}
          <Sparkline values={spark} className="w-16 shrink-0 xl:max-2xl:hidden" />
          <span className="w-12 shrink-0 text-right font-semibold" title={countText(count).title}>
            {countText(count).text}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** The jobs that have been running for the longest time. */
export function RunningList({ jobs }: { jobs: RunningJob[] }) {
  const t = useTranslations('overview.running');
  const states = useTranslations('states');
  const duration = useDuration();
  if (jobs.length === 0) return <p className="text-soft">{t('empty')}</p>;
  return (
    <ul>
      {jobs.map(({ id, jobClass, queueName, lostWorker, seconds }) => (
        <li key={id} data-running={id} className={ROW}>
          <Link
            href={`/jobs/${id}`}
            prefetch={false}
            className="min-w-0 flex-1 truncate no-underline hover:underline"
          >
            <ClassName name={jobClass} />
          </Link>
          {lostWorker && (
            <span className="pill bg-danger-wash text-danger" title={states('lostWorkerHint')}>
              {states('lostWorker')}
            </span>
          )}
          <span className="max-w-32 min-w-0 truncate text-xs text-soft max-sm:hidden">
            {queueName}
          </span>
          <span className="w-20 shrink-0 text-right">{duration(seconds)}</span>
        </li>
      ))}
    </ul>
  );
}

/** The cron entries that run in the next hour. */
export function CronList({ cron }: { cron: UpcomingCron }) {
  const t = useTranslations('overview.cron');
  const format = useFormatter();
  if (!cron.hasCronFile) return <p className="text-soft">{t('noFile')}</p>;
  return (
    <>
      {cron.cronProcesses === 0 && <p className="mb-1.5 text-warn">{t('noProcess')}</p>}
      {cron.runs.length === 0 && <p className="text-soft">{t('empty')}</p>}
      <ul>
        {cron.runs.map(({ key, jobClass, schedule, at }) => (
          <li key={key} data-cron={key} className={ROW}>
            <span className="w-11 shrink-0 text-soft">
              {format.dateTime(new Date(at), {
                hour: '2-digit',
                minute: '2-digit',
                hourCycle: 'h23',
              })}
            </span>
            <Link
              href={`/cron_entries/${encodeURIComponent(key)}`}
              prefetch={false}
              className="min-w-0 flex-1 truncate no-underline hover:underline"
            >
              {key}
            </Link>
            <span className="min-w-0 flex-1 truncate text-xs text-soft max-sm:hidden">
              <ClassName name={jobClass} />
            </span>
            <span className="max-w-32 truncate font-mono text-xs text-faint">{schedule?.text}</span>
          </li>
        ))}
      </ul>
      {cron.omitted > 0 && (
        <p className="pt-1 text-xs text-soft">{t('omitted', { count: cron.omitted })}</p>
      )}
    </>
  );
}

/** What viewers did last. */
export function LatestActs({ acts: { latest, isRecorded } }: { acts: Acts }) {
  const t = useTranslations('overview.acts');
  if (!isRecorded) return <p className="text-soft">{t('notRecorded')}</p>;
  if (latest.length === 0) return <p className="text-soft">{t('empty')}</p>;
  return (
    <ul>
      {latest.map((act) => (
        <li key={act.id} data-act={act.id} className={`${ROW} !items-baseline`}>
          <div className="min-w-0 flex-1">
            <ActLine act={act} />
          </div>
          <span className="shrink-0 text-xs text-faint">
            <RelativeTime iso={act.at} />
          </span>
        </li>
      ))}
    </ul>
  );
}

const ACT_PATHS: Partial<Record<Act['targetType'], string>> = {
  job: '/jobs',
  batch: '/batches',
  bulk_run: '/bulk',
};

function ActLine({ act }: { act: Act }) {
  const outcomes = useTranslations('audit.outcomes');
  const actionName = useActionName();
  const { outcome, viewer, action } = act;
  const isNormal = outcome === 'done' || outcome === 'started';
  return (
    <>
      <p className="truncate">
        {actionName(action)} <ActTarget act={act} />
        {!isNormal && <span className="text-warn"> ({outcomes(outcome)})</span>}
      </p>
      <p className="truncate text-xs text-soft">
        {viewer}
        {act.reason && <> — {act.reason}</>}
      </p>
    </>
  );
}

function ActTarget({ act }: { act: Act }) {
  const t = useTranslations('overview.acts');
  const count = useCount();
  const { targetType, targetId, targetName, targets, jobClass, done, isBulk } = act;
  const path = ACT_PATHS[targetType];
  const number = isBulk ? done : targets;
  const text = () => {
    if (targetName !== null) return targetName;
    if (jobClass !== null) return jobClass;
    if (number > 1 || isBulk) return t('jobs', { count: number, number: count(number) });
    return targetId?.slice(0, 8) ?? '';
  };
  return path && targetId ? (
    <Link
      href={`${path}/${targetId}`}
      prefetch={false}
      className="font-medium text-inherit no-underline hover:underline"
    >
      {text()}
    </Link>
  ) : (
    <span className="font-medium">{text()}</span>
  );
}

/** The newest open batches: how far each is, and why it does not go on. */
export function BatchProgressList({ batches: { rows } }: { batches: OpenBatches }) {
  const t = useTranslations('overview.batches');
  if (rows.length === 0) return <p className="text-soft">{t('empty')}</p>;
  return (
    <ul className="flex flex-col gap-3">
      {rows.map((batch) => (
        <li key={batch.id} data-batch={batch.id}>
          <div className="flex items-baseline gap-2">
            <Link
              href={`/batches/${batch.id}`}
              prefetch={false}
              className="min-w-0 flex-1 truncate no-underline hover:underline"
            >
              <BatchDescription batch={batch} clamp="" />
            </Link>
            <Progress batch={batch} />
          </div>
          {batch.progress && (
            <div className="mt-1">
              <ProgressBar progress={batch.progress} />
            </div>
          )}
          <p className="mt-1 text-xs text-soft">
            <Reason batch={batch} />
          </p>
        </li>
      ))}
    </ul>
  );
}

function Progress({ batch: { progress } }: { batch: OpenBatch }) {
  const count = useCount();
  if (!progress) return null;
  const { states, total, more } = progress;
  return (
    <span className="text-xs whitespace-nowrap text-soft">
      {states ? `${count(states.succeeded + states.discarded)} / ` : ''}
      {count(total)}
      {more ? '+' : ''}
    </span>
  );
}

/** The first reason why the batch is stuck, else when it is expected to end. */
function Reason({ batch: { stuck, stalled, expectedAt } }: { batch: OpenBatch }) {
  const t = useTranslations('overview.batches');
  const text = useReasonText();
  const [reason] = stuck;
  if (reason)
    return (
      <>
        {stalled && <span className="font-medium text-warn">{t('stalled')} · </span>}
        {text(reason)}
      </>
    );
  if (stalled) return <span className="font-medium text-warn">{t('stalled')}</span>;
  return expectedAt
    ? t.rich('expected', { time: () => <RelativeTime iso={expectedAt} /> })
    : t('inProgress');
}

function useReasonText(): (reason: StuckCause) => string {
  const t = useTranslations('overview.stuck');
  const format = useFormatter();
  const count = useCount();
  return (reason) => {
    switch (reason.kind) {
      case 'not_enqueued':
      case 'never_completes':
        return t(reason.kind);
      case 'waits_until':
        return t('waits_until', {
          time: format.dateTime(new Date(reason.at), {
            month: 'numeric',
            day: 'numeric',
            hour: '2-digit',
            minute: '2-digit',
            hourCycle: 'h23',
          }),
        });
      case 'lost_workers':
        return t('lost_workers', {
          count: reason.count,
          number: `${count(reason.count)}${reason.more ? '+' : ''}`,
        });
      case 'queues_unserved':
        return t('queues_unserved', { queues: format.list(reason.queues) });
      default:
        return t(reason.kind, { count: reason.count, number: count(reason.count) });
    }
  };
}
