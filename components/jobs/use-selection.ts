import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { type JobState, isJobState } from '@/lib/good-job/types';
import type { JobRow } from '@/lib/jobs/types';
import { usePausePolling } from '../polling/polling-provider';

/** The selected jobs of a list by their ids, also those of its other pages. */
export type SelectedJobs = ReadonlyMap<string, JobState>;

const NONE: SelectedJobs = new Map();
const STORAGE_PREFIX = 'gjc_selection ';

const selections = new Map<string, SelectedJobs>();
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function parseSelection(text: string | null): SelectedJobs {
  try {
    const entries = JSON.parse(text ?? '[]') as [string, string][];
    return new Map(entries.filter((entry): entry is [string, JobState] => isJobState(entry[1])));
  } catch {
    return NONE;
  }
}

/** The selection of a list, which is stored for this tab under its filter. */
function readSelection(key: string): SelectedJobs {
  const cached = selections.get(key);
  if (cached) return cached;
  const stored = parseSelection(sessionStorage.getItem(STORAGE_PREFIX + key));
  selections.set(key, stored);
  return stored;
}

function writeSelection(key: string, jobs: SelectedJobs): void {
  selections.set(key, jobs);
  if (jobs.size > 0) sessionStorage.setItem(STORAGE_PREFIX + key, JSON.stringify([...jobs]));
  else sessionStorage.removeItem(STORAGE_PREFIX + key);
  listeners.forEach((listener) => listener());
}

interface Selection {
  jobs: SelectedJobs;
  /** `range` selects all rows from the last selected one to this one, as Shift does. */
  select: (job: JobRow, checked: boolean, range: boolean) => void;
  /** Selects or deselects all rows of the page. */
  selectPage: (checked: boolean) => void;
  /** Deselects everything, also on other pages. */
  clear: () => void;
}

/**
 * The selected rows of a list, which survive its preview, its pages and the way back; a selection
 * pauses polling. `selectable` are the rows of the page in order; a row that disappears from them
 * is deselected for good.
 */
export function useSelection(key: string | null, selectable: readonly JobRow[]): Selection {
  const jobs = useSyncExternalStore(
    subscribe,
    () => (key === null ? NONE : readSelection(key)),
    () => NONE,
  );
  const last = useRef<string | null>(null);
  const page = useRef(selectable);
  useEffect(() => {
    const ids = new Set(selectable.map(({ id }) => id));
    const removed = page.current.filter(({ id }) => !ids.has(id));
    page.current = selectable;
    if (key === null) return;
    const current = readSelection(key);
    const next = new Map(current);
    for (const { id } of removed) next.delete(id);
    for (const { id, state } of selectable) if (next.has(id)) next.set(id, state);
    const isChanged =
      next.size !== current.size || [...next].some(([id, state]) => current.get(id) !== state);
    if (isChanged) writeSelection(key, next);
  }, [key, selectable]);
  usePausePolling(jobs.size > 0);
  const change = useCallback(
    (rows: readonly JobRow[], checked: boolean) => {
      if (key === null) return;
      const next = new Map(readSelection(key));
      for (const { id, state } of rows)
        if (checked) next.set(id, state);
        else next.delete(id);
      writeSelection(key, next);
    },
    [key],
  );
  const select = useCallback(
    (job: JobRow, checked: boolean, range: boolean) => {
      const indexOf = (id: string) => page.current.findIndex((row) => row.id === id);
      const lastIndex = indexOf(last.current ?? job.id);
      const index = indexOf(job.id);
      const from = Math.min(lastIndex, index);
      const to = Math.max(lastIndex, index);
      change(range && from >= 0 ? page.current.slice(from, to + 1) : [job], checked);
      last.current = job.id;
    },
    [change],
  );
  const selectPage = useCallback((checked: boolean) => change(page.current, checked), [change]);
  const clear = useCallback(() => {
    if (key !== null) writeSelection(key, NONE);
  }, [key]);
  return useMemo(() => ({ jobs, select, selectPage, clear }), [jobs, select, selectPage, clear]);
}
