'use client';

import { useTranslations } from 'next-intl';
import type {
  DiscardedCallback,
  FailingClass,
  LatePauseEnd,
  OverdueKey,
  PausedJobs,
  RepairTarget,
  WaitingQueue,
} from '@/lib/attention/types';
import type { Count } from '@/lib/jobs/types';
import { Link } from '../navigation';
import { useDenials } from '../permissions';
import { useCount, useCountText } from '../quantities';
import { RelativeTime } from '../time';
import { TooLarge } from '../too-large';
import { buttonClass } from '../ui/button';
import { DeniedButton, RepairLink } from './repair-link';
import { Item } from './row-items';

const LINK = 'font-mono font-medium text-ink no-underline hover:text-accent hover:underline';

/** A number of jobs, marked as exact, a minimum or an estimate. */
function JobCount({ count }: { count: Count }) {
  const t = useTranslations('attention.units');
  const text = useCountText()(count);
  return (
    <span title={text.title}>
      {t('jobs', { count: count.kind === 'unknown' ? 0 : count.count, number: text.text })}
    </span>
  );
}

export function QueueItem({ waiting: { queue, since, count, href } }: { waiting: WaitingQueue }) {
  const t = useTranslations('attention');
  return (
    <Item
      id={queue}
      facts={
        <>
          <JobCount count={count} />
          <span>{t.rich('readySince', { time: () => <RelativeTime iso={since} /> })}</span>
        </>
      }
      action={
        <Link href={href} prefetch={false} className={buttonClass()}>
          {t('queuedJobs')}
          <span className="sr-only"> {queue}</span>
        </Link>
      }
    >
      <span className="font-mono font-semibold">{queue}</span>
    </Item>
  );
}

export function CronItem({ overdue: { key, since } }: { overdue: OverdueKey }) {
  const t = useTranslations('attention');
  return (
    <Item
      id={key}
      facts={<span>{t.rich('dueAt', { time: () => <RelativeTime iso={since} /> })}</span>}
    >
      <Link href={`/cron_entries/${encodeURIComponent(key)}`} prefetch={false} className={LINK}>
        {key}
      </Link>
    </Item>
  );
}

function ErrorFact({ error, tooLarge }: Pick<FailingClass, 'error' | 'tooLarge'>) {
  if (error === null) return null;
  return <span className="basis-full text-danger">{tooLarge ? <TooLarge /> : error}</span>;
}

export function ClassItem({
  failing: { jobClass, since, lastAt, count, error, tooLarge, href },
}: {
  failing: FailingClass;
}) {
  const t = useTranslations('attention');
  const number = useCount();
  return (
    <Item
      id={jobClass}
      facts={
        <>
          <span>
            {t('failures', {
              count: count.kind === 'unknown' ? 0 : count.count,
              number: number(count.kind === 'unknown' ? 0 : count.count),
            })}
          </span>
          <span>{t.rich('since', { time: () => <RelativeTime iso={since} /> })}</span>
          <span>{t.rich('lastFailure', { time: () => <RelativeTime iso={lastAt} /> })}</span>
          <ErrorFact error={error} tooLarge={tooLarge} />
        </>
      }
      action={
        <Link href={href} prefetch={false} className={buttonClass()}>
          {t('actOnThem')}
          <span className="sr-only"> {jobClass}</span>
        </Link>
      }
    >
      <Link href={href} prefetch={false} className={LINK}>
        {jobClass}
      </Link>
    </Item>
  );
}

export function CallbackItem({ job }: { job: DiscardedCallback }) {
  const t = useTranslations();
  const denial = useDenials()['job.retry'];
  const retry = (
    <>
      {t('actions.retry.menu')}
      <span className="sr-only"> {job.id}</span>
    </>
  );
  return (
    <Item
      id={job.id}
      facts={
        <>
          <span>
            {t.rich('attention.callbackOf', {
              batch: () => (
                <Link href={`/batches/${job.batchId}`} prefetch={false} className="font-mono">
                  {job.batchId.slice(0, 8)}
                </Link>
              ),
            })}
          </span>
          <span>{t.rich('attention.since', { time: () => <RelativeTime iso={job.since} /> })}</span>
          <ErrorFact error={job.error} tooLarge={job.tooLarge} />
        </>
      }
      action={
        denial ? (
          <DeniedButton denial={denial}>{retry}</DeniedButton>
        ) : (
          <Link href={`/jobs/${job.id}/retry`} prefetch={false} className={buttonClass()}>
            {retry}
          </Link>
        )
      }
    >
      <Link href={`/jobs/${job.id}`} prefetch={false} className={LINK}>
        {job.jobClass ?? t('jobs.noClass')}
      </Link>
    </Item>
  );
}

const FILTER_PARAMS = { queue: 'queue_name', job_class: 'job_class', label: 'label' } as const;

export function PausedItem({
  paused: { by, name, since, count },
  onRepair,
}: {
  paused: PausedJobs;
  onRepair: (target: RepairTarget) => void;
}) {
  const t = useTranslations('attention');
  const pauses = useTranslations('pauses');
  const countText = useCountText();
  return (
    <Item
      id={name}
      facts={
        <>
          {count.kind !== 'unknown' && (
            <span>
              {pauses(`ready.${count.kind}`, {
                count: count.count,
                number: countText(count).number,
              })}
            </span>
          )}
          <span>{t.rich('readySince', { time: () => <RelativeTime iso={since} /> })}</span>
        </>
      }
      action={
        <RepairLink
          target={{ repair: 'unpause', by, name }}
          text={t('repairs.unpause.menu')}
          itemName={name}
          onRepair={onRepair}
        />
      }
    >
      {t.rich(`pausedBy.${by}`, {
        name: () => (
          <Link
            href={`/jobs?${new URLSearchParams({ state: 'queued', [FILTER_PARAMS[by]]: name })}`}
            prefetch={false}
            className={LINK}
          >
            {name}
          </Link>
        ),
      })}
    </Item>
  );
}

export function LateEndItem({
  late: { by, name, since, viewer },
  onRepair,
}: {
  late: LatePauseEnd;
  onRepair: (target: RepairTarget) => void;
}) {
  const t = useTranslations('attention');
  return (
    <Item
      id={name}
      facts={
        <>
          <span>{t.rich('endedAt', { time: () => <RelativeTime iso={since} /> })}</span>
          <span>{t('setBy', { viewer })}</span>
        </>
      }
      action={
        <span className="flex flex-wrap gap-2">
          {(['unpause', 'drop_end'] as const).map((repair) => (
            <RepairLink
              key={repair}
              target={{ repair, by, name }}
              text={t(`repairs.${repair}.menu`)}
              itemName={name}
              onRepair={onRepair}
            />
          ))}
        </span>
      }
    >
      {t.rich(`pausedBy.${by}`, { name: () => <span className="font-mono">{name}</span> })}
    </Item>
  );
}
