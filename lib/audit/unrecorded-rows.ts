import { MAX_ROWS } from './bounds';
import type { AuditRow } from './types';

/** Whether the record leaves out what its rows were, because a bulk run or an act on many rows changed them. */
export function leavesOutRows({
  action,
  bulkRun,
  changes,
  counts,
  tooLarge,
}: Pick<AuditRow, 'action' | 'bulkRun' | 'changes' | 'counts' | 'tooLarge'>): boolean {
  const done = counts.done ?? 0;
  const isLarge = bulkRun !== null || done > MAX_ROWS;
  return done > 0 && isLarge && changes.length === 0 && !tooLarge && !action.endsWith('.export');
}
