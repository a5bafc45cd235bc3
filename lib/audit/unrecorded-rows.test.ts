import { describe, expect, it } from 'vitest';
import { MAX_ROWS, omitsRows } from './types';

const record = (changes: Partial<Parameters<typeof omitsRows>[0]>) => ({
  action: 'job.retry',
  bulkRun: null,
  changes: [],
  counts: { done: 1 },
  tooLarge: false,
  ...changes,
});

describe('omitsRows', () => {
  it.each([
    [true, 'a bulk run', record({ bulkRun: 'a' })],
    [true, 'an action on many rows', record({ counts: { done: MAX_ROWS + 1 } })],
    [false, 'a pause', record({ action: 'pause.pause' })],
    [false, 'a cron entry', record({ action: 'cron.disable' })],
    [false, 'a revealed value', record({ action: 'argument.reveal' })],
    [false, 'an export', record({ action: 'job.export', counts: { done: 999 } })],
    [false, 'a run that changed nothing', record({ bulkRun: 'a', counts: {} })],
  ])('omitsRows returns %s for %s', (expected, _, row) => expect(omitsRows(row)).toBe(expected));
});
