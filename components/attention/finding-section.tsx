'use client';

import { useTranslations } from 'next-intl';
import type { Finding, FindingKind, RepairTarget, Severity } from '@/lib/attention/types';
import { Link } from '../navigation';
import { useCountText } from '../quantities';
import { RelativeTime } from '../time';
import { Icon, type IconName } from '../ui/icon';
import {
  CallbackItem,
  ClassItem,
  CronItem,
  LateEndItem,
  PausedItem,
  QueueItem,
} from './group-items';
import { RepairLink } from './repair-link';
import { BatchItem, GapItem, JobItem, RunItem, TableItem } from './row-items';

const UNITS = {
  hanging_batches: 'batches',
  lost_jobs: 'jobs',
  unserved_queues: 'queues',
  late_jobs: 'queues',
  overdue_cron: 'keys',
  failing_classes: 'classes',
  discarded_callbacks: 'jobs',
  schema_gaps: 'items',
  stalled_runs: 'runs',
  late_pause_ends: 'pauses',
  interrupted_jobs: 'jobs',
  paused_jobs: 'pauses',
  stale_statistics: 'tables',
} as const satisfies Record<FindingKind, string>;

/**
 * One finding: severity, count, age and cause, its first items, its repair, and a link to the rest.
 */
export function FindingSection({
  finding,
  readyMinutes,
  onRepair,
}: {
  finding: Finding;
  readyMinutes: number;
  onRepair: (target: RepairTarget) => void;
}) {
  const t = useTranslations('attention');
  const { kind, severity, since, count, repair, href } = finding;
  const countText = useCountText()(count);
  const headingId = `finding-${kind}`;
  const allTarget: RepairTarget | null =
    repair === 'check_batches' || repair === 'release_jobs' ? { repair, ids: null } : null;
  return (
    <section
      aria-labelledby={headingId}
      data-finding={kind}
      className={`card border-l-4 ${severityEdge(severity)}`}
    >
      <div className="px-3 pt-2.5 pb-2">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <SeverityBadge severity={severity} />
          <h2 id={headingId} className="text-base font-semibold">
            {t(`kinds.${kind}`)}
          </h2>
          <span title={countText.title}>
            {t(`units.${UNITS[kind]}`, {
              count: count.kind === 'unknown' ? 0 : count.count,
              number: countText.text,
            })}
          </span>
          {since && (
            <span className="text-sm text-soft">
              {t.rich('since', { time: () => <RelativeTime iso={since} /> })}
            </span>
          )}
        </div>
        <p className="mt-1 max-w-4xl">{t(`why.${kind}`, { minutes: readyMinutes })}</p>
      </div>
      <FindingItems finding={finding} onRepair={onRepair} />
      {(allTarget || href) && (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line px-3 py-2">
          {allTarget && (
            <RepairLink
              target={allTarget}
              text={t(`repairs.${allTarget.repair}.allMenu`)}
              primary
              onRepair={onRepair}
            />
          )}
          {href && kind !== 'schema_gaps' && kind !== 'stale_statistics' && (
            <Link href={href} prefetch={false} className="text-accent">
              {t(`where.${kind}`)}
            </Link>
          )}
        </div>
      )}
    </section>
  );
}

interface FindingItemsProps {
  finding: Finding;
  onRepair: (target: RepairTarget) => void;
}

/** The first items of a finding, one row each. */
function FindingItems({ finding, onRepair }: FindingItemsProps) {
  return (
    <ul className="divide-y divide-line border-t border-line">{renderItems(finding, onRepair)}</ul>
  );
}

function renderItems(finding: Finding, onRepair: FindingItemsProps['onRepair']) {
  switch (finding.kind) {
    case 'hanging_batches':
      return finding.items.map((batch) => (
        <BatchItem key={batch.id} batch={batch} onRepair={onRepair} />
      ));
    case 'lost_jobs':
    case 'interrupted_jobs':
      return finding.items.map((job) => (
        <JobItem key={job.id} job={job} onRepair={finding.repair ? onRepair : null} />
      ));
    case 'unserved_queues':
    case 'late_jobs':
      return finding.items.map((queue) => <QueueItem key={queue.queue} waiting={queue} />);
    case 'overdue_cron':
      return finding.items.map((item) => <CronItem key={item.key} overdue={item} />);
    case 'failing_classes':
      return finding.items.map((item) => <ClassItem key={item.jobClass} failing={item} />);
    case 'discarded_callbacks':
      return finding.items.map((job) => <CallbackItem key={job.id} job={job} />);
    case 'paused_jobs':
      return finding.items.map((paused) => (
        <PausedItem key={`${paused.by} ${paused.name}`} paused={paused} onRepair={onRepair} />
      ));
    case 'late_pause_ends':
      return finding.items.map((late) => (
        <LateEndItem key={`${late.by} ${late.name}`} late={late} onRepair={onRepair} />
      ));
    case 'stalled_runs':
      return finding.items.map((run) => <RunItem key={run.id} run={run} />);
    case 'schema_gaps':
      return finding.items.map((gap) => (
        <GapItem key={gap.gap === 'migration' ? gap.migration.migration : gap.gap} gap={gap} />
      ));
    case 'stale_statistics':
      return finding.items.map((table) => <TableItem key={table.table} table={table} />);
  }
}

const SEVERITY_STYLES: Record<Severity, { icon: IconName; badge: string; edge: string }> = {
  critical: { icon: 'warning', badge: 'bg-danger-wash text-danger', edge: 'border-l-danger' },
  warning: { icon: 'warning', badge: 'bg-warn-wash text-warn', edge: 'border-l-warn' },
  notice: { icon: 'info', badge: 'bg-queued-wash text-queued', edge: 'border-l-line-strong' },
};

const severityEdge = (severity: Severity) => SEVERITY_STYLES[severity].edge;

function SeverityBadge({ severity }: { severity: Severity }) {
  const t = useTranslations('attention.severities');
  return (
    <span className={`badge ${SEVERITY_STYLES[severity].badge}`}>
      <Icon name={SEVERITY_STYLES[severity].icon} className="size-3.5" />
      {t(severity)}
    </span>
  );
}
