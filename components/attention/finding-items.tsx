'use client';

import type { Finding, RepairTarget } from '@/lib/attention/types';
import {
  CallbackItem,
  ClassItem,
  CronItem,
  LateEndItem,
  PausedItem,
  QueueItem,
} from './group-items';
import { BatchItem, GapItem, JobItem, RunItem, TableItem } from './row-items';

interface Props {
  finding: Finding;
  onRepair: (target: RepairTarget) => void;
}

/** The first items of a finding, one row each. */
export function FindingItems({ finding, onRepair }: Props) {
  return (
    <ul className="divide-y divide-line border-t border-line">{renderItems(finding, onRepair)}</ul>
  );
}

function renderItems(finding: Finding, onRepair: Props['onRepair']) {
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
