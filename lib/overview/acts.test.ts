import { describe, expect, it } from 'vitest';
import { marksSince } from './current';
import type { Act } from './types';

const act = (changes: Partial<Act>): Act => ({
  id: '1',
  at: '2026-11-20T10:00:00.000000Z',
  viewer: 'oncall',
  action: 'pause.pause',
  outcome: 'done',
  targetType: 'queue',
  targetId: null,
  targetName: 'mail',
  targets: 0,
  jobClass: null,
  done: 1,
  reason: null,
  isBulk: false,
  ...changes,
});
const SINCE = Date.parse('2026-11-20T09:00:00Z');
const at = (time: string) => Date.parse(`2026-11-20T${time}Z`);

describe('the marks of the chart', () => {
  it('the chart marks pauses and bulk runs, oldest first', () => {
    const bulk = act({ at: '2026-11-20T09:30:00Z', action: 'job.retry', isBulk: true, done: 74 });
    const { marks } = marksSince(
      [act({ action: 'pause.unpause', at: '2026-11-20T10:10:00Z' }), act({}), bulk],
      [],
      SINCE,
    );
    expect(marks.map(({ kind }) => kind)).toEqual(['bulk', 'pause', 'unpause']);
  });

  it('the chart does not mark actions without a change, older ones, or those on single jobs', () => {
    const { marks, more } = marksSince(
      [
        act({ outcome: 'refused' }),
        act({ outcome: 'failed' }),
        act({ at: '2026-11-20T08:59:00Z' }),
        act({ action: 'job.retry' }),
      ],
      [],
      SINCE,
    );
    expect(marks).toEqual([]);
    expect(more).toBe(false);
  });

  it('groups workers that started less than two minutes apart', () => {
    const { marks } = marksSince(
      [],
      [at('10:03:30'), at('10:00:00'), at('10:01:50'), at('10:05:31'), at('08:00:00')],
      SINCE,
    );
    expect(marks).toEqual([
      { kind: 'workers', atMs: at('10:00:00'), processes: 3 },
      { kind: 'workers', atMs: at('10:05:31'), processes: 1 },
    ]);
  });

  it('reports that marks may be missing if the records end within the range', () => {
    const acts = Array.from({ length: 200 }, (_, n) => act({ id: String(n), action: 'job.retry' }));
    expect(marksSince(acts, [], SINCE).more).toBe(true);
    expect(marksSince(acts, [], at('10:00:00')).more).toBe(false);
  });
});
