import { describe, expect, it } from 'vitest';
import type { JobState } from '../good-job/types';
import { reconcileCounts } from './links';
import { type Count, type JobCounts, type JobPage, type JobRow, buildStateCounts } from './types';

const exact = (count: number): Count => ({ kind: 'exact', count });
const atLeast = (count: number): Count => ({ kind: 'at_least', count });
const UNKNOWN: Count = { kind: 'unknown' };
const counts = (
  tabs: Partial<Record<JobState, Count>>,
  others: Count,
  list: Count,
  all = list,
): JobCounts => ({ tabs: { ...buildStateCounts(() => others), ...tabs }, all, list });

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
  it('a list without matches has a count of 0, not an unknown one', () => {
    const counted = counts({}, UNKNOWN, UNKNOWN);
    const all = reconcileCounts(counted, { state: null, page: page([]) });
    expect(all).toEqual(counts({}, exact(0), exact(0)));
    const queued = reconcileCounts(counted, { state: 'queued', page: page([]) });
    expect([queued.tabs.queued, queued.list]).toEqual([exact(0), exact(0)]);
    expect(queued.tabs.running).toEqual(UNKNOWN);
  });
  it('a list that fits its page has an exact count, not a lower bound', () => {
    expect(
      reconcileCounts(counts({ running: atLeast(1) }, exact(0), atLeast(1)), {
        state: null,
        page: page(rows('running', 'running', 'discarded')),
      }),
    ).toEqual(counts({ running: exact(2), discarded: exact(1) }, exact(0), exact(3)));
  });
  it('a list that fits its page is counted by its rows, not by an older cached count', () => {
    const { tabs, list, all } = reconcileCounts(
      counts({ queued: exact(14) }, exact(0), exact(14), exact(14)),
      { state: 'queued', page: page(rows(...Array<JobState>(15).fill('queued'))) },
    );
    expect([tabs.queued, list, all]).toEqual([exact(15), exact(15), exact(15)]);
  });
});

describe('a list of more than a page', () => {
  const listed = rows(...Array<JobState>(25).fill('queued'));
  it('a list of more than a page has no count below its number of rows', () => {
    const { tabs, list, all } = reconcileCounts(
      counts({ queued: exact(14) }, exact(2), exact(14), exact(24)),
      { state: 'queued', page: page(listed, { next: CURSOR }) },
    );
    expect([tabs.queued, list, all]).toEqual([atLeast(26), atLeast(26), atLeast(36)]);
  });
  it('a list of more than a page has the cached count unless its rows contradict it', () => {
    const counted = counts({ queued: exact(140) }, exact(0), exact(140));
    expect(
      reconcileCounts(counted, { state: 'queued', page: page(listed, { next: CURSOR }) }),
    ).toEqual(counted);
  });
  it('does not count the resume cursor of a partial search as a row', () => {
    const partial = { at: null, scanned: 100 };
    expect(
      reconcileCounts(counts({}, UNKNOWN, UNKNOWN), {
        state: null,
        page: page(rows('queued'), { next: CURSOR, partial }),
      }).list,
    ).toEqual(atLeast(1));
    expect(
      reconcileCounts(counts({}, UNKNOWN, UNKNOWN), {
        state: null,
        page: page([], { next: CURSOR, partial }),
      }).list,
    ).toEqual(UNKNOWN);
  });
});
