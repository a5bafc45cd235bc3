import { JOB_STATES, type JobState } from '../good-job/states';
import type { Page } from '../paging';
import type { Count, JobCounts, JobPage, JobRow } from './types';

/** A page of a list of jobs, and the tab that it is of. */
export interface ListedPage {
  state: JobState | null;
  page: Page<JobRow> & Partial<JobPage>;
}

/**
 * The counts with what the page itself says: a list that fits the page is counted by it, and no count is below the rows
 * that are listed. Counts and page are read at different moments.
 */
export function countsWithPage(counts: JobCounts, { state, page }: ListedPage): JobCounts {
  const isComplete =
    !page.previous && !page.next && !page.searched && !page.unsearched && !page.labelsOfNewest;
  const listed = (of: JobState | null) =>
    page.rows.filter((row) => of === null || row.state === of).length;
  // Beyond the page there is at least one more row in each direction that has a link; a search may end without one.
  const beyond = (page.previous ? 1 : 0) + (page.next && !page.searched ? 1 : 0);
  const reconciled = (count: Count, of: JobState | null): Count => {
    if (isComplete) return { kind: 'exact', count: listed(of) };
    const rows = listed(of) + (of === state ? beyond : 0);
    return rows > 0 && (count.kind === 'unknown' || count.count < rows)
      ? { kind: 'at_least', count: rows }
      : count;
  };
  const tabs = Object.fromEntries(
    JOB_STATES.map((one) => [
      one,
      state === null || state === one ? reconciled(counts.tabs[one], one) : counts.tabs[one],
    ]),
  ) as Record<JobState, Count>;
  const list = reconciled(counts.list, state);
  return { tabs, all: state === null ? list : withTabs(counts.all, tabs), list };
}

/** The count of all states, from those of the states where these are exact, and never below them. */
function withTabs(all: Count, tabs: Record<JobState, Count>): Count {
  const counts = Object.values(tabs);
  const sum = counts.reduce(
    (total, one) => total + (one.kind === 'exact' || one.kind === 'at_least' ? one.count : 0),
    0,
  );
  if (counts.every(({ kind }) => kind === 'exact')) return { kind: 'exact', count: sum };
  return all.kind !== 'unknown' && all.count >= sum ? all : { kind: 'at_least', count: sum };
}
