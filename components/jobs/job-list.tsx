'use client';

import dynamic from 'next/dynamic';
import { useTranslations } from 'next-intl';
import {
  Fragment,
  type ReactNode,
  Suspense,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { BulkAction } from '@/lib/bulk/types';
import type { JobAction } from '@/lib/good-job/types';
import type { JobPreview, JobRow } from '@/lib/jobs/types';
import type { BulkAct, BulkTargetOptions } from '../bulk/bulk-bar';
import { Pager, PageSizeLinks } from '../pager';
import { usePausePolling, usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/polling-status';
import { useOnScreen } from '../polling/use-polling-query';
import { useCount } from '../quantities';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyScript, orMissingScript, preload } from '../ui/lazy-script';
import type { JobActionResult } from './action-dialog';
import type { OnAction } from './job-row';
import { JobTable, type TableOptions, useIsBrowser } from './job-table';
import { useListView } from './use-list-view';
import { type ListPage, usePollingRows } from './use-polling-rows';
import { useSelection } from './use-selection';

// Rarely needed, so not part of the page's script; the server still renders them.
const SearchNote = dynamic(() =>
  import('./search-notes')
    .then((module) => ({ default: module.SearchNote }))
    .catch(orMissingScript),
);
const ScanNote = dynamic(() =>
  import('./search-notes').then((module) => ({ default: module.ScanNote })).catch(orMissingScript),
);
// Loaded with the first selection, preview or action.
const loadBulkBar = () => import('../bulk/bulk-bar');
const BulkBar = lazyScript(loadBulkBar);
const loadPreview = () => import('./preview-panel');
const PreviewPanel = lazyScript(loadPreview);
const ActionDialog = lazyScript(() => import('./action-dialog'));

interface Props extends TableOptions {
  /** The list's endpoint with its query, without the base path. */
  endpoint: string;
  /** Data of the first paint. */
  initial: ListPage;
  /** Path and filter for the links to other pages; null for a list without pages. */
  page: { path: string; params: Record<string, string>; fragment?: string } | null;
  empty: ReactNode;
  newestFirst?: boolean;
  /** The target of bulk actions; null: the rows cannot be selected. */
  bulk?: BulkTargetOptions | null;
  /**
   * Shows jobs beside the list, and `initial` in the first paint; absent: rows expand to their raw
   * JSON.
   */
  preview?: { initial: JobPreview | null };
}

/** Whether the search matched ids, or left rows or labels unsearched. */
const hasSearchNote = ({ resolvedIds = [], hasNewestLabelsOnly, unsearched = 0 }: ListPage) =>
  resolvedIds.length > 0 || hasNewestLabelsOnly || unsearched > 0;

/** Loads the scripts of a selection and of the preview while the browser has nothing to do. */
function usePreloadWhenIdle(isSelectable: boolean, hasPreview: boolean): void {
  useEffect(() => {
    const load = () => {
      if (isSelectable) preload(loadBulkBar);
      if (hasPreview) preload(loadPreview);
    };
    // Safari has no requestIdleCallback.
    const timer = setTimeout(load, 1_500);
    return () => clearTimeout(timer);
  }, [isSelectable, hasPreview]);
}

const isDone = ({ result }: JobActionResult) => result.ok && result.value.outcome === 'done';

interface ActionRequest {
  job: JobRow;
  action: JobAction;
  /** Gets the focus after the dialog. */
  opener: { current: HTMLElement | null };
}

/** The dialog of an action on one job, and the last action that was done. */
function useActions() {
  const { refresh } = usePolling();
  const [request, setRequest] = useState<ActionRequest | null>(null);
  const [lastDone, setLastDone] = useState<BulkAction | JobAction | null>(null);
  usePausePolling(request !== null);
  const onAction = useCallback<OnAction>(
    (job, action, opener) => setRequest({ job, action, opener: { current: opener } }),
    [],
  );
  const onDone = (result: JobActionResult) => {
    if (isDone(result)) setLastDone(result.action);
    // Refreshes everything: batch progress, callback jobs and the preview may have changed too.
    refresh();
  };
  return { request, setRequest, onAction, onDone, lastDone, setLastDone };
}

/** A polled list of jobs with their actions, selection, keys and preview. */
export function JobList(props: Props) {
  const { endpoint, initial, page, empty, newestFirst = true, heads, bulk = null } = props;
  const root = useRef<HTMLDivElement>(null);
  const table = useRef<HTMLDivElement>(null);
  const bulkAct = useRef<BulkAct | null>(null);
  const isBrowser = useIsBrowser();
  const pollingRows = usePollingRows({ endpoint, initial, enabled: useOnScreen(root) });
  const { removedIds } = pollingRows;
  const { rows } = pollingRows.page;
  const selectable = useMemo(
    () => rows.filter(({ id }) => !removedIds.has(id)),
    [rows, removedIds],
  );
  const selection = useSelection(bulk && selectionKey(page, bulk), selectable);
  const [wasSelected, setWasSelected] = useState(false);
  if (selection.jobs.size > 0 && !wasSelected) setWasSelected(true);
  const actions = useActions();
  const view = useListView({
    ...{ rows, table, selection, bulkAct, heads },
    preview: props.preview,
    onAction: actions.onAction,
  });
  usePreloadWhenIdle(bulk !== null, props.preview !== undefined);
  return (
    <div ref={root}>
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
        <EmptyList page={pollingRows.page} lastDone={actions.lastDone}>
          {empty}
        </EmptyList>
      ) : (
        <JobTable
          {...props}
          root={table}
          rows={rows}
          removedIds={removedIds}
          activeId={view.activeId}
          previewId={view.previewId}
          selection={bulk && { ...selection, selectable: selectable.length }}
          onPreview={view.onPreview}
          onFocus={view.setActiveId}
          onAction={actions.onAction}
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
      {bulk && isBrowser && (wasSelected || selection.jobs.size > 0) && (
        <Suspense>
          <BulkBar
            {...bulk}
            selected={selection.jobs}
            act={bulkAct}
            onSelectPage={
              selectable.some(({ id }) => !selection.jobs.has(id))
                ? () => selection.selectPage(true)
                : null
            }
            onClear={selection.clear}
            onStarted={actions.setLastDone}
          />
        </Suspense>
      )}
      <Overlays view={view} actions={actions} rows={rows} preview={props.preview} />
    </div>
  );
}

const selectionKey = (page: Props['page'], { filterQuery, batchId }: BulkTargetOptions) =>
  `${page?.path ?? batchId ?? ''}?${filterQuery}`;

/**
 * Shows new and removed rows on request, so that the list does not move by itself. `hasMore`: there
 * may be more new rows than counted.
 */
function NewRowsButton({
  newRows,
  removedRows,
  hasMore,
  onShow,
}: {
  newRows: number;
  removedRows: number;
  hasMore: boolean;
  onShow: () => void;
}) {
  const t = useTranslations('polling');
  const count = useCount();
  return (
    <div
      aria-live="polite"
      className="pointer-events-none sticky top-2 z-20 flex h-0 justify-center"
    >
      {newRows + removedRows > 0 && (
        <button
          type="button"
          onClick={onShow}
          className={`${buttonClass('primary')} pointer-events-auto h-8 -translate-y-1/2 rounded-full px-3.5 shadow-lg`}
        >
          <Icon name="retried" className="size-3.5" />
          {newRows > 0
            ? t('newRows', { number: `${count(newRows)}${hasMore ? '+' : ''}` })
            : t('removedRows', { number: count(removedRows) })}
        </button>
      )}
    </div>
  );
}

/** The preview and the dialog of an action. */
function Overlays({
  view,
  actions: { request, setRequest, onAction, onDone },
  rows,
  preview,
}: {
  view: ReturnType<typeof useListView>;
  actions: ReturnType<typeof useActions>;
  rows: readonly JobRow[];
  preview: Props['preview'];
}) {
  // A boundary that suspends on the server is not visible without JavaScript.
  const [isInPage] = useState(Boolean(preview?.initial));
  const Boundary = isInPage ? Fragment : Suspense;
  return (
    <>
      {view.previewId && (
        <Boundary>
          <PreviewPanel
            key="preview"
            id={view.previewId}
            row={rows.find(({ id }) => id === view.previewId) ?? null}
            initial={preview?.initial ?? null}
            position={view.position}
            onMove={view.move}
            onAction={onAction}
            onClose={view.closePreview}
          />
        </Boundary>
      )}
      {request && (
        <Suspense>
          <ActionDialog
            action={request.action}
            job={request.job}
            returnTo={request.opener}
            onDone={(result) => {
              // A deleted job has no preview.
              const isDeleted = isDone(result) && result.action === 'destroy';
              if (isDeleted && result.id === view.previewId) view.closePreview();
              onDone(result);
            }}
            onClose={() => setRequest(null)}
          />
        </Suspense>
      )}
    </>
  );
}

function EmptyList({
  page,
  lastDone,
  children,
}: {
  page: ListPage;
  lastDone: BulkAction | JobAction | null;
  children: ReactNode;
}) {
  const t = useTranslations('jobs');
  const paging = useTranslations('paging');
  const text = () => {
    if (page.partial) return t('nothingFoundYet');
    if (page.previous || page.next) return paging('empty');
    return lastDone && lastDone !== 'batch_retry' ? t(`emptied.${lastDone}`) : children;
  };
  return <div className="card px-4 py-8 text-center text-soft">{text()}</div>;
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
      fragment={page.fragment}
      previous={previous}
      next={partial ? null : next}
      newestFirst={newestFirst}
    />
  );
}
