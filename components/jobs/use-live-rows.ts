import { useMemo, useState } from 'react';
import type { Page } from '@/lib/core/search-params';
import type { JobPage, JobRow } from '@/lib/jobs/types';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import { useLiveQuery } from '../use-live-query';
import { mergeRows } from './merge-rows';
import { usePollParts, usePublishPage } from './poll-parts';

/** A page of any list of jobs; that of all jobs says more. */
export type ListPage = Page<JobRow> & Partial<JobPage>;

interface Answer {
  page: ListPage;
  generation: number;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * A list that keeps itself fresh without moving: its rows change where they stand, and what would be inserted is
 * counted until the viewer asks for it. What the viewer's own action brings about is shown at once.
 */
export function useLiveRows({
  door,
  initial,
  wanted,
}: {
  door: string;
  initial: ListPage;
  wanted: boolean;
}) {
  const { basePath, generation } = useLive();
  const parts = usePollParts();
  const first = useMemo<Answer>(
    () => ({ page: initial, generation: generation() }),
    [initial, generation],
  );
  const query = useLiveQuery<Answer>({
    key: [door],
    initial: first,
    wanted,
    async fetch(signal) {
      const asked = generation();
      const { names, params } = parts?.due() ?? { names: [], params: {} };
      const more = new URLSearchParams({
        ...params,
        ...(names.length > 0 ? { include: names.join(',') } : {}),
      });
      const separator = door.includes('?') ? '&' : '?';
      const answer = await fetchJson<ListPage & Record<string, unknown>>(
        `${basePath}${door}${more.size > 0 ? separator + more : ''}`,
        signal,
      );
      parts?.give(names, answer);
      return { page: answer, generation: asked };
    },
  });
  const answer = query.data ?? first;
  usePublishPage(answer.page);
  const [seen, setSeen] = useState(answer);
  const [shown, setShown] = useState({ page: initial, left: NONE, newRows: 0 });
  if (answer !== seen) {
    setSeen(answer);
    const { page } = answer;
    const merged = mergeRows(shown.page.rows, page.rows, page.next !== null);
    // Nothing stands there that could move, or the viewer has made it so.
    const asIs = answer.generation > seen.generation || shown.page.rows.length === 0;
    const same =
      merged.newRows === 0 && merged.left.size === 0 && page.rows.length === shown.page.rows.length;
    setShown(
      asIs || same
        ? { page, left: NONE, newRows: 0 }
        : {
            page: {
              ...shown.page,
              searched: page.searched,
              hint: page.hint,
              named: page.named,
              unsearched: page.unsearched,
              rows: merged.rows,
            },
            left: merged.left,
            newRows: merged.newRows,
          },
    );
  }
  return {
    ...shown,
    error: query.error,
    updatedAt: query.dataUpdatedAt,
    showLatest: () => setShown({ page: answer.page, left: NONE, newRows: 0 }),
  };
}
