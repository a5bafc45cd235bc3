import { describe, expect, it } from 'vitest';
import { MAX_ROWS, leavesOutRows } from './types';

const record = (changes: Partial<Parameters<typeof leavesOutRows>[0]>) => ({
  action: 'job.retry',
  bulkRun: null,
  changes: [],
  counts: { done: 1 },
  tooLarge: false,
  ...changes,
});

describe('a record says that its rows are left out', () => {
  it.each([
    ['of a bulk run', record({ bulkRun: 'a' }), true],
    ['of many rows', record({ counts: { done: MAX_ROWS + 1 } }), true],
    ['but not of a pause', record({ action: 'pause.pause' }), false],
    ['nor of a cron entry', record({ action: 'cron.disable' }), false],
    ['nor of a revealed value', record({ action: 'argument.reveal' }), false],
    ['nor of an export', record({ action: 'job.export', counts: { done: 999 } }), false],
    ['nor of a run that changed nothing', record({ bulkRun: 'a', counts: {} }), false],
  ])('%s', (_, row, expected) => expect(leavesOutRows(row)).toBe(expected));
});
