'use client';

import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type {
  HangingBatch,
  LostJob,
  RepairTarget,
  SchemaGap,
  StaleTable,
} from '@/lib/attention/types';
import type { StalledRun } from '@/lib/bulk/types';
import { BatchDescription } from '../batches/batch-summary';
import { CopyButton } from '../copy-button';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';
import { RepairLink } from './repair-link';

type OnRepair = (target: RepairTarget) => void;
const renderCode = (chunks: React.ReactNode) => <code className="font-mono text-sm">{chunks}</code>;

function Since({ iso }: { iso: string | null }) {
  const t = useTranslations('attention');
  return iso && <span>{t.rich('since', { time: () => <RelativeTime iso={iso} /> })}</span>;
}

export function BatchItem({ batch, onRepair }: { batch: HangingBatch; onRepair: OnRepair }) {
  const t = useTranslations();
  return (
    <Item
      id={batch.id}
      facts={
        <>
          <span className="font-mono">{batch.id}</span>
          <Since iso={batch.since} />
        </>
      }
      action={
        <RepairLink
          target={{ repair: 'check_batches', ids: [batch.id] }}
          text={t('attention.repairs.check_batches.menu')}
          itemName={batch.id}
          onRepair={onRepair}
        />
      }
    >
      <Link
        href={`/batches/${batch.id}`}
        prefetch={false}
        className="font-medium text-ink no-underline hover:text-accent hover:underline"
      >
        <BatchDescription batch={batch} />
      </Link>
    </Item>
  );
}

/** `onRepair` null: the job has no lock to release. */
export function JobItem({ job, onRepair }: { job: LostJob; onRepair: OnRepair | null }) {
  const t = useTranslations();
  const { processId, processSeenAt } = job;
  return (
    <Item
      id={job.id}
      facts={
        <>
          <span className="font-mono">{job.id}</span>
          {job.queueName && <span>{t('attention.queue', { name: job.queueName })}</span>}
          <span>
            {t.rich(job.started ? 'attention.startedAt' : 'attention.takenAt', {
              time: () => <RelativeTime iso={job.since} />,
            })}
          </span>
          {processId && (
            <span title={processId}>
              {processSeenAt
                ? t.rich('attention.process', {
                    name: job.host ?? processId.slice(0, 8),
                    time: () => <RelativeTime iso={processSeenAt} />,
                  })
                : t('attention.processMissing', { name: processId.slice(0, 8) })}
            </span>
          )}
        </>
      }
      action={
        onRepair && (
          <RepairLink
            target={{ repair: 'release_jobs', ids: [job.id] }}
            text={t('attention.repairs.release_jobs.menu')}
            itemName={job.id}
            onRepair={onRepair}
          />
        )
      }
    >
      <Link
        href={`/jobs/${job.id}`}
        prefetch={false}
        className="font-mono font-medium text-ink no-underline hover:text-accent hover:underline"
      >
        {job.jobClass ?? t('jobs.noClass')}
      </Link>
    </Item>
  );
}

export function RunItem({ run }: { run: StalledRun }) {
  const t = useTranslations();
  return (
    <Item
      id={run.id}
      facts={
        <>
          <span className="font-mono">{run.id}</span>
          <Since iso={run.since} />
        </>
      }
    >
      <Link
        href={`/bulk/${run.id}`}
        prefetch={false}
        className="font-medium text-ink no-underline hover:text-accent hover:underline"
      >
        {t('attention.stalledRun', { action: t(`bulk.names.${run.action}`), viewer: run.viewer })}
      </Link>
    </Item>
  );
}

export function GapItem({ gap }: { gap: SchemaGap }) {
  const t = useTranslations();
  if (gap.gap !== 'migration')
    return <Item id={gap.gap}>{t.rich(`attention.gaps.${gap.gap}`, { code: renderCode })}</Item>;
  const { migration, missing, since } = gap.migration;
  return (
    <Item id={migration} facts={<span>{t('attention.gapOf', { since, missing })}</span>}>
      {renderCode(migration)}
    </Item>
  );
}

export function TableItem({
  table: { table, changed, rows, since, statement },
}: {
  table: StaleTable;
}) {
  const t = useTranslations('attention');
  const count = useCount();
  return (
    <Item
      id={table}
      facts={
        <>
          <span>
            {changed === null || rows === null
              ? t('neverAnalyzed')
              : t('changedRows', {
                  changed: count(Math.round(changed)),
                  rows: count(Math.round(rows)),
                })}
          </span>
          {since && (
            <span>{t.rich('analyzedAt', { time: () => <RelativeTime iso={since} /> })}</span>
          )}
        </>
      }
      action={<CopyButton text={statement} label={statement} />}
    >
      {renderCode(statement)}
    </Item>
  );
}

/** A row of a finding: its name, its facts and its action. */
export function Item({
  id,
  children,
  facts,
  action,
}: {
  id: string;
  children: ReactNode;
  facts?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <li
      data-item={id}
      className="flex flex-wrap items-start justify-between gap-x-4 gap-y-1.5 px-3 py-2"
    >
      <div className="min-w-0 flex-1 basis-72">
        <div className="min-w-0 any-break">{children}</div>
        {facts && (
          <div className="mt-0.5 flex flex-wrap gap-x-4 gap-y-0.5 text-sm text-soft any-break">
            {facts}
          </div>
        )}
      </div>
      {action}
    </li>
  );
}
