'use client';

import type { Finding, RepairTarget } from '@/lib/attention/types';
import { CallbackItem, ClassItem, CronItem, PausedItem, QueueItem } from './group-items';
import { BatchItem, GapItem, JobItem, RunItem, TableItem } from './row-items';

interface Props {
  finding: Finding;
  onAsk: (target: RepairTarget) => void;
}

/** The first of what was found, one row each. */
export function FindingItems({ finding, onAsk }: Props) {
  return <ul className="divide-y divide-line border-t border-line">{rowsOf(finding, onAsk)}</ul>;
}

function rowsOf(finding: Finding, onAsk: Props['onAsk']) {
  switch (finding.kind) {
    case 'hanging_batches':
      return finding.items.map((batch) => <BatchItem key={batch.id} batch={batch} onAsk={onAsk} />);
    case 'lost_jobs':
    case 'interrupted_jobs':
      return finding.items.map((job) => (
        <JobItem key={job.id} job={job} onAsk={finding.repair ? onAsk : null} />
      ));
    case 'unserved_queues':
    case 'late_jobs':
      return finding.items.map((queue) => <QueueItem key={queue.queue} waiting={queue} />);
    case 'overdue_cron':
      return finding.items.map((one) => <CronItem key={one.key} overdue={one} />);
    case 'failing_classes':
      return finding.items.map((one) => <ClassItem key={one.jobClass} failing={one} />);
    case 'discarded_callbacks':
      return finding.items.map((job) => <CallbackItem key={job.id} job={job} />);
    case 'paused_jobs':
      return finding.items.map((paused) => (
        <PausedItem key={`${paused.by} ${paused.name}`} paused={paused} onAsk={onAsk} />
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
