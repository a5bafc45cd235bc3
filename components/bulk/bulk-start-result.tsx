'use client';

import type { BulkStart } from '@/lib/bulk/types';
import { BulkProgress } from './bulk-progress';
import { BulkTotals } from './bulk-totals';

/** The run of a started action, or its outcomes where there is no schema to store a run. */
export function BulkStartResult({ started, onEnd }: { started: BulkStart; onEnd?: () => void }) {
  if (started.kind === 'started')
    return <BulkProgress key={started.runId} id={started.runId} onEnd={onEnd} />;
  if (started.kind !== 'done') return null;
  return (
    <div role="status">
      <BulkTotals counts={started.counts} />
    </div>
  );
}
