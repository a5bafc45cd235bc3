import { describe, expect, it } from 'vitest';
import type { JobState } from '../good-job/states';
import { countsOf } from './count-rules';
import { countsWithPage } from './links';
import type { Count, JobCounts, JobPage, JobRow } from './types';

const exact = (count: number): Count => ({ kind: 'exact', count });
const atLeast = (count: number): Count => ({ kind: 'at_least', count });
const UNKNOWN: Count = { kind: 'unknown' };
const counts = (
  tabs: Partial<Record<JobState, Count>>,
  others: Count,
  list: Count,
  all = list,
): JobCounts => ({ tabs: { ...countsOf(() => others), ...tabs }, all, list });

const rows = (...states: JobState[]) =>
  states.map((state, n) => ({ id: String(n), state }) as unknown as JobRow);
const page = (listed: JobRow[], others: Partial<JobPage> = {}) => ({
  rows: listed,
  previous: null,
  next: null,
  ...others,
});
const CURSOR = { direction: 'after' as const, id: 'x', at: null };

describe('a list that fits its page', () => {
  it('is 0 where no job matches, not unknown', () => {
    const counted = counts({}, UNKNOWN, UNKNOWN);
    const all = countsWithPage(counted, { state: null, page: page([]) });
    expect(all).toEqual(counts({}, exact(0), exact(0)));
    const queued = countsWithPage(counted, { state: 'queued', page: page([]) });
    expect([queued.tabs.queued, queued.list]).toEqual([exact(0), exact(0)]);
    expect(queued.tabs.running).toEqual(UNKNOWN);
  });
  it('has an exact count, not a lower bound', () => {
    expect(
      countsWithPage(counts({ running: atLeast(1) }, exact(0), atLeast(1)), {
        state: null,
        page: page(rows('running', 'running', 'discarded')),
      }),
    ).toEqual(counts({ running: exact(2), discarded: exact(1) }, exact(0), exact(3)));
  });
  it('is counted as it stands, though the count is of seconds ago', () => {
    const { tabs, list, all } = countsWithPage(
      counts({ queued: exact(14) }, exact(0), exact(14), exact(14)),
      { state: 'queued', page: page(rows(...Array<JobState>(15).fill('queued'))) },
    );
    expect([tabs.queued, list, all]).toEqual([exact(15), exact(15), exact(15)]);
  });
});

describe('a list of more than a page', () => {
  const listed = rows(...Array<JobState>(25).fill('queued'));
  it('has no count below its rows', () => {
    const { tabs, list, all } = countsWithPage(
      counts({ queued: exact(14) }, exact(2), exact(14), exact(24)),
      { state: 'queued', page: page(listed, { next: CURSOR }) },
    );
    expect([tabs.queued, list, all]).toEqual([atLeast(26), atLeast(26), atLeast(36)]);
  });
  it('keeps a count that its rows do not contradict', () => {
    const counted = counts({ queued: exact(140) }, exact(0), exact(140));
    expect(
      countsWithPage(counted, { state: 'queued', page: page(listed, { next: CURSOR }) }),
    ).toEqual(counted);
  });
  it('does not count the cursor of a search that stopped as a row', () => {
    const searched = { at: null, looked: 100 };
    expect(
      countsWithPage(counts({}, UNKNOWN, UNKNOWN), {
        state: null,
        page: page(rows('queued'), { next: CURSOR, searched }),
      }).list,
    ).toEqual(atLeast(1));
    expect(
      countsWithPage(counts({}, UNKNOWN, UNKNOWN), {
        state: null,
        page: page([], { next: CURSOR, searched }),
      }).list,
    ).toEqual(UNKNOWN);
  });
});
