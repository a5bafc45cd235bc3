import { useSearchParams } from 'next/navigation';
import { useTranslations } from 'next-intl';
import {
  type RefObject,
  useCallback,
  useEffectEvent,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import type { JobPreview, JobRow } from '@/lib/jobs/types';
import type { BulkAct } from '../bulk/bulk-bar';
import { useNavigate } from '../navigation';
import { useDenials } from '../permissions';
import { useToasts } from '../toasts';
import { disabledReason } from './action-rules';
import type { OnAction } from './job-row';
import type { TableOptions } from './job-table';
import { useListKeys } from './use-list-keys';
import type { useSelection } from './use-selection';

interface ViewOptions extends Pick<TableOptions, 'heads'> {
  rows: readonly JobRow[];
  table: RefObject<HTMLDivElement | null>;
  selection: ReturnType<typeof useSelection>;
  bulkAct: RefObject<BulkAct | null>;
  onAction: OnAction;
  /** Absent: the list has no preview. */
  preview?: { initial: JobPreview | null };
}

type Direction = 'next' | 'previous' | 'first' | 'last';

/** The row that has the focus, the previewed job, and the keys that change them. */
export function useListView(options: ViewOptions) {
  const { rows, table, preview } = options;
  const { id: previewId, open, close } = usePreview();
  const [activeId, setActiveId] = useState<string | null>(null);
  const openId = preview ? previewId : null;
  const currentId = openId ?? activeId;
  const indexOf = (id: string | null) => rows.findIndex((row) => row.id === id);
  const focusRow = (id: string) => {
    setActiveId(id);
    rowElement(table, id)?.focus();
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
    if (isFocusLost && openId) rowElement(table, openId)?.focus();
  };
  const move = (to: Direction) => {
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
  useViewKeys(options, { currentId, openId, open, close, closePreview, move });
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

interface ViewState {
  currentId: string | null;
  /** The previewed job. */
  openId: string | null;
  open: (id: string) => void;
  close: () => void;
  closePreview: () => void;
  move: (to: Direction) => void;
}

function useViewKeys(
  { rows, table, selection, bulkAct, onAction, preview, heads }: ViewOptions,
  { currentId, openId, open, close, closePreview, move }: ViewState,
): void {
  const t = useTranslations();
  const navigate = useNavigate();
  const denials = useDenials();
  const { show } = useToasts();
  const act = (action: 'retry' | 'reschedule' | 'discard') => {
    if (selection.jobs.size > 0) return bulkAct.current?.(action);
    const row = rows.find(({ id }) => id === currentId);
    if (!row) return;
    const reason = disabledReason(action, row, denials);
    if (reason) return show({ text: t(`actions.why.${reason}`), tone: 'problem' });
    onAction(row, action, rowElement(table, row.id));
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
      const row = rows.find((other) => other.id === id);
      if (row) selection.select(row, range || !selection.jobs.has(id), range);
    },
    selectPage: () => selection.selectPage(true),
    close: () => {
      if (openId) closePreview();
      return openId !== null;
    },
  });
}

const rowElement = (table: ViewOptions['table'], id: string): HTMLElement | null =>
  table.current?.querySelector<HTMLElement>(`[data-job="${id}"]`) ?? null;

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

const PARAM = 'preview';
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The id of the previewed job in the URL; null without one. */
const previewedId = (id: string | null): string | null =>
  id !== null && UUID.test(id) ? id : null;

function changeUrl(id: string | null): void {
  const url = new URL(window.location.href);
  const isOpen = url.searchParams.has(PARAM);
  if (id === null) url.searchParams.delete(PARAM);
  else url.searchParams.set(PARAM, id);
  // The way back closes the preview, however many jobs it has shown.
  if (isOpen) window.history.replaceState(null, '', url);
  else window.history.pushState(null, '', url);
}

/** The job that is shown beside the list, in the URL. */
function usePreview() {
  const id = previewedId(useSearchParams().get(PARAM));
  const open = useCallback((next: string) => changeUrl(next), []);
  const close = useCallback(() => changeUrl(null), []);
  return { id, open, close };
}
