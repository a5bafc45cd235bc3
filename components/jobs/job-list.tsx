'use client';

import dynamic from 'next/dynamic';
import { useTranslations } from 'next-intl';
import { type ReactNode, useCallback, useMemo, useRef, useState } from 'react';
import type { BulkAction } from '@/lib/bulk/types';
import type { JobAction } from '@/lib/good-job/types';
import type { SortHeader } from '@/lib/jobs/order';
import { type Column, DEFAULT_COLUMNS } from '@/lib/jobs/types';
import { useAnnounceOutcome } from '../outcomes';
import { Pager } from '../pager';
import { usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/refresh-note';
import { useOnScreen } from '../polling/use-polling-query';
import { orMissingScript } from '../ui/lazy-script';
import type { JobActionResult } from './action-dialog';
import { JobListHeader } from './job-list-head';
import { JobRow } from './job-row';
import { NewRowsButton } from './new-rows-button';
import { PageSizeLinks } from './page-sizes';
import { SelectionBar } from './selection-bar';
import { useActionToast } from './use-action-toast';
import { type ListPage, usePollingRows } from './use-polling-rows';
import { useSelection } from './use-selection';

// Rarely needed, so not part of the page's script; the server still renders them.
const SearchNote = dynamic(() => import('./search-note').catch(orMissingScript));
const ScanNote = dynamic(() => import('./scan-note').catch(orMissingScript));

interface Props {
  /** The list's endpoint with its query, without the base path. */
  endpoint: string;
  /** Data of the first paint. */
  initial: ListPage;
  /** Path and filter for the links to other pages; null for a list without pages. */
  page: { path: string; params: Record<string, string> } | null;
  label: string;
  empty: ReactNode;
  newestFirst?: boolean;
  columns?: readonly Column[];
  /** Renders a table that can be sorted by these columns. */
  heads?: Partial<Record<Column, SortHeader>>;
  unfolds?: 'raw' | 'details';
  /** The target of bulk actions; null: the rows cannot be selected. */
  bulk?: { filterQuery: string; batchId?: string } | null;
  /** Controls next to the selection, such as the column menu. */
  tools?: ReactNode;
}

const isDone = ({ result }: JobActionResult) => result.ok && result.value.outcome === 'done';

function selectionState(selected: number, selectable: number): 'none' | 'some' | 'all' {
  if (selected === 0) return 'none';
  return selected === selectable ? 'all' : 'some';
}

/** Whether the search matched ids, or left rows or labels unsearched. */
const hasSearchNote = ({ resolvedIds = [], hasNewestLabelsOnly, unsearched = 0 }: ListPage) =>
  resolvedIds.length > 0 || hasNewestLabelsOnly || unsearched > 0;

/** Shows the results of the viewer's actions; `lastDone` is the last one that changed its job. */
function useActionResults() {
  const { refresh } = usePolling();
  const showToast = useActionToast();
  const [lastDone, setLastDone] = useState<JobAction | null>(null);
  const announce = useAnnounceOutcome(useCallback(() => setLastDone(null), []));
  const onDone = useCallback(
    (result: JobActionResult) => {
      announce();
      setLastDone(isDone(result) ? result.action : null);
      showToast(result);
      // Refreshes everything: batch progress, callback jobs and open details may have changed too.
      refresh();
    },
    [announce, refresh, showToast],
  );
  return { lastDone, onDone };
}

/** A polled list of jobs with their actions. */
export function JobList(props: Props) {
  const { endpoint, initial, page, empty, newestFirst = true, heads, bulk = null, tools } = props;
  const t = useTranslations('jobs');
  const paging = useTranslations('paging');
  const list = useRef<HTMLDivElement>(null);
  const pollingRows = usePollingRows({ endpoint, initial, enabled: useOnScreen(list) });
  const { removedIds } = pollingRows;
  const { rows } = pollingRows.page;
  const selectable = useMemo(
    () => rows.map(({ id }) => id).filter((id) => !removedIds.has(id)),
    [rows, removedIds],
  );
  const selection = useSelection(selectable);
  const [bulkAction, setBulkAction] = useState<BulkAction | null>(null);
  const { lastDone, onDone } = useActionResults();
  const emptyText = () => {
    if (pollingRows.page.partial) return t('nothingFoundYet');
    if (pollingRows.page.previous || pollingRows.page.next) return paging('empty');
    const action = bulkAction ?? lastDone;
    return action ? t(`emptied.${action}`) : empty;
  };
  return (
    <div ref={list}>
      {(bulk || tools) && (
        <SelectionBar
          ids={selection.ids}
          onAll={selection.selectAll}
          selectable={selectable.length}
          isEmpty={rows.length === 0 && !pollingRows.page.partial}
          bulk={bulk}
          onBulkAction={setBulkAction}
          tools={tools}
        />
      )}
      {page && hasSearchNote(pollingRows.page) && (
        <SearchNote search={pollingRows.page} path={page.path} params={page.params} />
      )}
      <NewRowsButton
        newRows={pollingRows.newRows}
        removedRows={removedIds.size}
        hasMore={pollingRows.newRows > 0 && pollingRows.newRows === rows.length}
        onShow={pollingRows.showLatest}
      />
      {rows.length === 0 ? (
        <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
          {emptyText()}
        </div>
      ) : (
        <JobTable
          {...props}
          rows={rows}
          removedIds={removedIds}
          selection={selection}
          selectable={selectable.length}
          onDone={onDone}
        />
      )}
      {page && pollingRows.page.partial && (
        <ScanNote search={pollingRows.page} path={page.path} params={page.params} />
      )}
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        <ListPager page={page} rows={pollingRows.page} newestFirst={newestFirst} />
        {pollingRows.error && <RefreshNote at={pollingRows.updatedAt} error={pollingRows.error} />}
        {page && heads && <PageSizeLinks path={page.path} params={page.params} />}
      </div>
    </div>
  );
}

function ListPager({
  page,
  rows: { previous, next, partial },
  newestFirst,
}: Pick<Props, 'page' | 'newestFirst'> & { rows: ListPage }) {
  // An empty first element keeps the other parts of the footer at its end.
  if (!page) return <span />;
  return (
    <Pager
      path={page.path}
      params={page.params}
      previous={previous}
      next={partial ? null : next}
      newestFirst={newestFirst}
    />
  );
}

interface TableProps extends Props {
  rows: ListPage['rows'];
  removedIds: ReadonlySet<string>;
  selection: ReturnType<typeof useSelection>;
  /** Number of rows that can be selected. */
  selectable: number;
  onDone: (result: JobActionResult) => void;
}

function JobTable({
  rows,
  removedIds,
  selection,
  selectable,
  onDone,
  page,
  label,
  columns = DEFAULT_COLUMNS,
  heads,
  unfolds = 'raw',
  bulk = null,
}: TableProps) {
  const semantics = heads ? 'table' : 'list';
  const labelHref = useMemo(
    () =>
      heads && page
        ? (label: string) => `${page.path}?${new URLSearchParams({ ...page.params, label })}`
        : null,
    [heads, page],
  );
  const isWide = columns.length > DEFAULT_COLUMNS.length;
  const List = heads ? 'div' : 'ul';
  return (
    <div className={`rounded-md border border-line ${isWide ? 'job-table-wide' : ''}`}>
      <div role={heads && 'table'} aria-label={heads && label}>
        <JobListHeader
          columns={columns}
          semantics={semantics}
          heads={heads ?? {}}
          selectAll={
            bulk && {
              state: selectionState(selection.ids.size, selectable),
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
              isRemoved={removedIds.has(job.id)}
              isSelected={selection.ids.has(job.id)}
              onSelect={bulk && selection.select}
              onDone={onDone}
            />
          ))}
        </List>
      </div>
    </div>
  );
}
