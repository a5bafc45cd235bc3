'use client';

import type { BulkStart } from '@/lib/bulk/start';
import { BulkProgress } from './bulk-progress';
import { BulkTotals } from './bulk-totals';

/** What has become of an action that was started here: its run, or, where none could be kept, its outcomes. */
export function BulkStarted({ started, onEnd }: { started: BulkStart; onEnd?: () => void }) {
  if (started.kind === 'started')
    return <BulkProgress key={started.runId} id={started.runId} onEnd={onEnd} />;
  if (started.kind !== 'done') return null;
  return (
    <div role="status">
      <BulkTotals counts={started.counts} />
    </div>
  );
}
