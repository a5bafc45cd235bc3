'use client';

import dynamic from 'next/dynamic';
import { useTranslations } from 'next-intl';
import {
  Fragment,
  type ReactNode,
  Suspense,
  useCallback,
  useEffect,
  useEffectEvent,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { BulkAction } from '@/lib/bulk/types';
import type { JobAction } from '@/lib/good-job/types';
import type { JobPreview, JobRow } from '@/lib/jobs/types';
import type { BulkAct, BulkTargetOptions } from '../bulk/bulk-bar';
import { useNavigate } from '../navigation';
import { Pager } from '../pager';
import { useDenials } from '../permissions';
import { usePausePolling, usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/refresh-note';
import { useOnScreen } from '../polling/use-polling-query';
import { useToasts } from '../toasts';
import { lazyScript, orMissingScript, preload } from '../ui/lazy-script';
import type { JobActionResult } from './action-dialog';
import { disabledReason } from './action-rules';
import type { OnAction } from './job-menu';
import { JobTable, type TableOptions, useIsBrowser } from './job-table';
import { NewRowsButton } from './new-rows-button';
import { PageSizeLinks } from './page-sizes';
import { useListKeys } from './use-list-keys';
import { type ListPage, usePollingRows } from './use-polling-rows';
import { usePreview } from './use-preview';
import { useSelection } from './use-selection';

// Rarely needed, so not part of the page's script; the server still renders them.
const SearchNote = dynamic(() => import('./search-note').catch(orMissingScript));
const ScanNote = dynamic(() => import('./scan-note').catch(orMissingScript));
// Loaded with the first selection, preview or action.
const loadBulkBar = () => import('../bulk/lazy-bulk-bar');
const BulkBar = lazyScript(loadBulkBar);
const loadPreview = () => import('./preview-panel');
const PreviewPanel = lazyScript(loadPreview);
const JobAction = lazyScript(() => import('./job-action'));

interface Props extends TableOptions {
  /** The list's endpoint with its query, without the base path. */
  endpoint: string;
  /** Data of the first paint. */
  initial: ListPage;
  /** Path and filter for the links to other pages; null for a list without pages. */
  page: { path: string; params: Record<string, string> } | null;
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
  const view = useListView({ ...props, rows, table, selection, bulkAct, actions });
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

interface ViewOptions extends Pick<Props, 'preview' | 'heads'> {
  rows: readonly JobRow[];
  table: React.RefObject<HTMLDivElement | null>;
  selection: ReturnType<typeof useSelection>;
  bulkAct: React.RefObject<BulkAct | null>;
  actions: ReturnType<typeof useActions>;
}

/** The row that has the focus, the previewed job, and the keys that change them. */
function useListView({ rows, table, selection, bulkAct, actions, preview, heads }: ViewOptions) {
  const t = useTranslations();
  const navigate = useNavigate();
  const denials = useDenials();
  const { show } = useToasts();
  const { id: previewId, open, close } = usePreview();
  const [activeId, setActiveId] = useState<string | null>(null);
  const openId = preview ? previewId : null;
  const currentId = openId ?? activeId;
  const indexOf = (id: string | null) => rows.findIndex((row) => row.id === id);
  const elementOf = (id: string) => table.current?.querySelector<HTMLElement>(`[data-job="${id}"]`);
  const focusRow = (id: string) => {
    setActiveId(id);
    elementOf(id)?.focus();
  };
  const currentIndex = indexOf(currentId);
  const lastIndex = useLastIndex(currentIndex, (index) => {
    // The row that takes the place of a removed one gets its focus.
    const row = rows[Math.min(index, rows.length - 1)];
    if (row && document.activeElement === document.body) focusRow(row.id);
  });
  const onPreview = useCallback(
    (id: string) => {
      setActiveId(id);
      open(id);
    },
    [open],
  );
  const closePreview = () => {
    close();
    const isFocusLost = document.activeElement?.closest('[data-preview]') !== null;
    if (isFocusLost && openId) elementOf(openId)?.focus();
  };
  const move = (to: 'next' | 'previous' | 'first' | 'last') => {
    const isFocused = table.current?.contains(document.activeElement) ?? false;
    // After an action has removed the row, the next one is where it was.
    const removedIndex = to === 'next' ? lastIndex.current - 1 : lastIndex.current;
    const at = currentIndex >= 0 ? currentIndex : removedIndex;
    const isAtHead = document.activeElement?.getAttribute('role') === 'columnheader';
    const steps = { next: at + 1, previous: at - 1, first: 0, last: rows.length - 1 };
    // Without a focus the first key only shows where the list is.
    let index = isFocused || openId ? steps[to] : Math.max(at, 0);
    if (isAtHead) index = to === 'previous' ? -1 : 0;
    const row = rows[index];
    if (row) focusRow(row.id);
    else if (index < 0) focusHead(table.current);
    if (row && openId) open(row.id);
  };
  const act = (action: 'retry' | 'reschedule' | 'discard') => {
    if (selection.jobs.size > 0) return bulkAct.current?.(action);
    const row = rows[indexOf(currentId)];
    if (!row) return;
    const reason = disabledReason(action, row, denials);
    if (reason) return show({ text: t(`actions.why.${reason}`), tone: 'problem' });
    actions.onAction(row, action, elementOf(row.id) ?? null);
  };
  const copy = () => {
    if (!currentId) return;
    navigator.clipboard.writeText(currentId).then(
      () => show({ text: t('jobs.idCopied', { id: currentId.slice(0, 8) }) }),
      () => show({ text: t('copy.failed'), tone: 'problem' }),
    );
  };
  useListKeys(table, Boolean(heads), {
    move,
    act,
    copy,
    preview: (id) => (openId === id ? close() : preview && open(id)),
    open: (id) => navigate(`/jobs/${id}`),
    select: (id, range) => {
      const row = rows[indexOf(id)];
      if (row) selection.select(row, range || !selection.jobs.has(id), range);
    },
    selectPage: () => selection.selectPage(true),
    close: () => {
      if (openId) closePreview();
      return openId !== null;
    },
  });
  return {
    activeId: currentId,
    setActiveId,
    previewId: openId,
    closePreview,
    onPreview: preview ? onPreview : null,
    move,
    position: { index: indexOf(openId), total: rows.length },
  };
}

/**
 * The last index of a row that is in the list; `onRemoved` is called with it when the row has left
 * the list.
 */
function useLastIndex(index: number, onRemoved: (index: number) => void) {
  const last = useRef(-1);
  const handleRemoved = useEffectEvent(onRemoved);
  useLayoutEffect(() => {
    if (index >= 0) last.current = index;
    else if (last.current >= 0) handleRemoved(last.current);
  }, [index]);
  return last;
}

const focusHead = (table: HTMLElement | null) =>
  table?.querySelector<HTMLElement>('[role="columnheader"][tabindex]')?.focus();

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
          <JobAction
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
      previous={previous}
      next={partial ? null : next}
      newestFirst={newestFirst}
    />
  );
}
