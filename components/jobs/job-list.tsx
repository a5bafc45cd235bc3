'use client';

import dynamic from 'next/dynamic';
import { useTranslations } from 'next-intl';
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { BulkAction } from '@/lib/bulk/types';
import { type Column, DEFAULT_COLUMNS } from '@/lib/jobs/columns';
import type { SortHead } from '@/lib/jobs/order';
import { useLive } from '../live';
import { useOutcome } from '../outcomes';
import { Pager } from '../pager';
import { RefreshNote } from '../refresh-note';
import { orMissing } from '../ui/lazy-script';
import { useOnScreen } from '../use-live-query';
import type { DoneAction } from './action-dialog';
import { JobListHead } from './job-list-head';
import { ActionResultLine, JobRow } from './job-row';
import { NewsButton } from './news-button';
import { PageSizes } from './page-sizes';
import { SelectionBar } from './selection-bar';
import { type ListPage, useLiveRows } from './use-live-rows';
import { useSelection } from './use-selection';

// Seldom needed; rendered by the server all the same.
const SearchNote = dynamic(() => import('./search-note').catch(orMissing));
const SearchedNote = dynamic(() => import('./searched-note').catch(orMissing));

interface Props {
  /** The list's polling door with its query, without the base path. */
  door: string;
  /** The first paint. */
  initial: ListPage;
  /** The page's own path and filter, for the links to other pages; null: this list has one page. */
  page: { path: string; params: Record<string, string> } | null;
  label: string;
  empty: ReactNode;
  newestFirst?: boolean;
  columns?: readonly Column[];
  /** Makes it a table that can be sorted by these columns. */
  heads?: Partial<Record<Column, SortHead>>;
  unfolds?: 'raw' | 'details';
  /** What acts on all that match the filter; null: rows cannot be chosen. */
  bulk?: { filterQuery: string; batchId?: string } | null;
  /** Beside what is chosen: the choice of columns. */
  tools?: ReactNode;
}

const isDone = ({ result }: DoneAction) => result.ok && result.value.outcome === 'done';

function selectionState(selected: number, selectable: number): 'none' | 'some' | 'all' {
  if (selected === 0) return 'none';
  return selected === selectable ? 'all' : 'some';
}

/** A list of jobs that keeps itself fresh, with their actions. */
export function JobList({
  door,
  initial,
  page,
  label,
  empty,
  newestFirst = true,
  columns = DEFAULT_COLUMNS,
  heads,
  unfolds = 'raw',
  bulk = null,
  tools,
}: Props) {
  const t = useTranslations('jobs');
  const paging = useTranslations('paging');
  const { refresh } = useLive();
  const list = useRef<HTMLDivElement>(null);
  const live = useLiveRows({ door, initial, wanted: useOnScreen(list) });
  const { rows } = live.page;
  const [acted, setActed] = useState<Record<string, DoneAction>>({});
  const { left } = live;
  const selectable = useMemo(
    () => rows.map(({ id }) => id).filter((id) => !left.has(id)),
    [rows, left],
  );
  const selection = useSelection(selectable);
  const [bulkAction, setBulkAction] = useState<BulkAction | null>(null);
  const announce = useOutcome(useCallback(() => setActed({}), []));
  const semantics = heads ? 'table' : 'list';
  const gone = Object.values(acted).filter(({ id }) => rows.every((row) => row.id !== id));
  const goneIds = gone.map(({ id }) => id).join();
  const goneLines = useRef<HTMLDivElement>(null);
  // A row that leaves takes its menu along, and with it the focus: that goes to what the action came to.
  useEffect(() => {
    if (goneIds && document.activeElement === document.body) goneLines.current?.focus();
  }, [goneIds]);
  const onDone = useCallback(
    (result: DoneAction) => {
      announce();
      setActed((all) => ({ ...all, [result.id]: result }));
      // Not this list alone: a batch's progress, its callback jobs, an unfolded job may have changed with it.
      refresh();
    },
    [announce, refresh],
  );
  const dismiss = useCallback(
    (id: string) => setActed(({ [id]: _dismissed, ...others }) => others),
    [],
  );
  const labelHref = useMemo(
    () =>
      heads && page
        ? (label: string) => `${page.path}?${new URLSearchParams({ ...page.params, label })}`
        : null,
    [heads, page],
  );
  const chosen = selection.ids.size;
  const wide = columns.length > DEFAULT_COLUMNS.length;
  const List = heads ? 'div' : 'ul';
  const emptyText = () => {
    if (live.page.searched) return t('notYetFound');
    if (live.page.previous || live.page.next) return paging('empty');
    const action = bulkAction ?? gone.find(isDone)?.action;
    return action ? t(`emptied.${action}`) : empty;
  };
  return (
    <div ref={list}>
      {(bulk || tools) && (
        <SelectionBar
          ids={selection.ids}
          onAll={selection.selectAll}
          selectable={selectable.length}
          isEmpty={rows.length === 0 && !live.page.searched}
          bulk={bulk}
          onBulkAction={setBulkAction}
          tools={tools}
        />
      )}
      {gone.length > 0 && (
        <div ref={goneLines} tabIndex={-1}>
          {gone.map((one) => (
            <div key={one.id} className="mb-2">
              <ActionResultLine acted={one} withId onDismiss={dismiss} />
            </div>
          ))}
        </div>
      )}
      {page &&
        ((live.page.named?.length ?? 0) > 0 ||
          live.page.labelsOfNewest ||
          (live.page.unsearched ?? 0) > 0) && (
          <SearchNote search={live.page} path={page.path} params={page.params} />
        )}
      <NewsButton
        newRows={live.newRows}
        left={live.left.size}
        full={live.newRows > 0 && live.newRows === rows.length}
        onShow={live.showLatest}
      />
      {rows.length === 0 ? (
        <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
          {emptyText()}
        </div>
      ) : (
        <div className={`rounded-md border border-line ${wide ? 'job-table-wide' : ''}`}>
          <div role={heads && 'table'} aria-label={heads && label}>
            <JobListHead
              columns={columns}
              semantics={semantics}
              heads={heads ?? {}}
              all={
                bulk && {
                  state: selectionState(chosen, selectable.length),
                  onSelect: selection.selectAll,
                }
              }
            />
            <List
              role={heads && 'rowgroup'}
              aria-label={heads ? undefined : label}
              className="divide-y divide-line"
            >
              {rows.map((job) => (
                <JobRow
                  key={job.id}
                  job={job}
                  columns={columns}
                  semantics={semantics}
                  unfolds={unfolds}
                  labelHref={labelHref}
                  left={live.left.has(job.id)}
                  selected={selection.ids.has(job.id)}
                  onSelect={bulk && selection.select}
                  acted={acted[job.id]}
                  onDone={onDone}
                  onDismiss={dismiss}
                />
              ))}
            </List>
          </div>
        </div>
      )}
      {page && live.page.searched && (
        <SearchedNote search={live.page} path={page.path} params={page.params} />
      )}
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        {page ? (
          <Pager
            path={page.path}
            params={page.params}
            previous={live.page.previous}
            next={live.page.searched ? null : live.page.next}
            newestFirst={newestFirst}
          />
        ) : (
          <span />
        )}
        {live.error && <RefreshNote at={live.updatedAt} error={live.error} />}
        {page && heads && <PageSizes path={page.path} params={page.params} />}
      </div>
    </div>
  );
}
