'use client';

import type { BulkStart } from '@/lib/bulk/types';
import { BulkProgress } from './bulk-progress';
import { BulkTotals } from './bulk-totals';

/** The progress of the started run, or the outcomes if no console schema exists to store a run. */
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
