'use client';

import { useTranslations } from 'next-intl';
import {
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import type { SortColumn } from '@/lib/jobs/filters';
import type { SortHeader } from '@/lib/jobs/order';
import {
  type Column,
  type ColumnWidths,
  DEFAULT_COLUMNS,
  type Density,
  type JobRow as Row,
  MAX_WIDTH,
  MIN_WIDTH,
  printColumns,
  printWidths,
  WIDTH_STEP,
  WIDTHS_COOKIE,
} from '@/lib/jobs/types';
import { useApplication } from '../application';
import { setPreferenceCookie } from '../display-settings';
import { Link } from '../navigation';
import { Icon } from '../ui/icon';
import { columnClass, columnWidth, useColumnName } from './job-cells';
import { JobRow, type OnAction, type RowLayout, type Semantics } from './job-row';
import type { SelectedJobs } from './use-selection';

const subscribeToNothing = () => () => undefined;

/** Whether scripts run, which is false in the first render. */
export const useIsBrowser = (): boolean =>
  useSyncExternalStore(
    subscribeToNothing,
    () => true,
    () => false,
  );

/** How a list looks. */
export interface TableOptions {
  label: string;
  columns?: readonly Column[];
  widths?: ColumnWidths;
  density?: Density;
  /** The column that the list is sorted by, which names its time. */
  sortedBy?: SortColumn;
  /** Texts that the list's search looks for. */
  marks?: readonly string[];
  /** Renders a grid that can be sorted by these columns. */
  heads?: Partial<Record<Column, SortHeader>>;
  /** Hides the priority and the attempts where all rows have the default. */
  hidesDefaults?: boolean;
}

interface Props extends TableOptions {
  root: RefObject<HTMLDivElement | null>;
  rows: readonly Row[];
  removedIds: ReadonlySet<string>;
  activeId: string | null;
  previewId: string | null;
  /** Path and filter for the links of labels; null renders labels without links. */
  page: { path: string; params: Record<string, string> } | null;
  /** Null: the rows of this list cannot be selected. */
  selection: {
    jobs: SelectedJobs;
    select: NonNullable<RowLayout['onSelect']>;
    selectPage: (checked: boolean) => void;
    /** Number of rows that can be selected. */
    selectable: number;
  } | null;
  onPreview: RowLayout['onPreview'];
  onFocus: (id: string) => void;
  onAction: OnAction;
}

const NO_WIDTHS: ColumnWidths = {};
const NO_MARKS: readonly string[] = [];
const NO_HEADS: NonNullable<TableOptions['heads']> = {};

/** Hides the columns in which all rows have the default; what the viewer has chosen stays. */
function visibleColumns(columns: readonly Column[], rows: readonly Row[], sortedBy: SortColumn) {
  if (printColumns(columns) !== null) return columns;
  const hasPriority = sortedBy === 'priority' || rows.some(({ priority }) => Boolean(priority));
  const hasAttempts = rows.some(({ attempts }) => attempts > 1);
  return columns.filter(
    (column) => (column !== 'priority' || hasPriority) && (column !== 'attempts' || hasAttempts),
  );
}

/** The widths of the columns; a change is stored in a cookie for the next first paint. */
function useWidths(initial: ColumnWidths) {
  const { basePath } = useApplication();
  const [changed, setChanged] = useState<{ from: ColumnWidths; widths: ColumnWidths } | null>(null);
  const widths = changed?.from === initial ? changed.widths : initial;
  const onResize = (column: Column, width: number, isOver: boolean) => {
    const next = { ...widths, [column]: width };
    setChanged({ from: initial, widths: next });
    if (isOver) setPreferenceCookie(WIDTHS_COOKIE, printWidths(next), basePath);
  };
  return { widths, onResize };
}

function selectionState(selected: number, selectable: number): 'none' | 'some' | 'all' {
  if (selected === 0) return 'none';
  return selected === selectable ? 'all' : 'some';
}

/** The rows of a list below their column headers. */
export function JobTable(props: Props) {
  const { root, rows, removedIds, activeId, previewId, page, selection, label } = props;
  const { columns: allColumns = DEFAULT_COLUMNS, heads, density = 'comfortable' } = props;
  const { sortedBy = 'created', marks = NO_MARKS, hidesDefaults = false } = props;
  const t = useTranslations('jobs');
  const hasKeys = useIsBrowser();
  const { widths, onResize } = useWidths(props.widths ?? NO_WIDTHS);
  // Decided by the rows of the first paint, because a poll must not move columns.
  const [initialRows] = useState(rows);
  const columns = useMemo(
    () => (hidesDefaults ? visibleColumns(allColumns, initialRows, sortedBy) : allColumns),
    [hidesDefaults, allColumns, initialRows, sortedBy],
  );
  const semantics = heads ? 'grid' : 'list';
  const { onPreview, onFocus, onAction } = props;
  const onSelect = selection?.select ?? null;
  const layout = useMemo<RowLayout>(
    () => ({
      ...{ columns, widths, semantics, sortedBy, marks, hasKeys, onSelect },
      ...{ onPreview, onFocus, onAction },
      unfolds: onPreview === null,
      labelHref:
        heads && page
          ? (name) => `${page.path}?${new URLSearchParams({ ...page.params, label: name })}`
          : null,
    }),
    [
      columns,
      widths,
      semantics,
      sortedBy,
      marks,
      hasKeys,
      onSelect,
      onPreview,
      onFocus,
      onAction,
      heads,
      page,
    ],
  );
  const isDefault = printColumns(allColumns) === null;
  const isWide = columns.length > DEFAULT_COLUMNS.length || Object.keys(widths).length > 0;
  const List = heads ? 'div' : 'ul';
  const selectedOnPage = rows.filter(({ id }) => selection?.jobs.has(id)).length;
  const tabStop = rows.some(({ id }) => id === activeId) ? activeId : rows[0]?.id;
  return (
    <div
      ref={root}
      data-density={density}
      className={`job-table ${isWide ? 'job-table-wide' : ''} ${isDefault ? 'job-table-auto' : ''}`}
    >
      <div
        role={heads && 'grid'}
        aria-label={heads && label}
        aria-multiselectable={heads && selection ? true : undefined}
        aria-description={heads && hasKeys ? t('keys') : undefined}
      >
        <JobListHeader
          columns={columns}
          widths={widths}
          onResize={onResize}
          semantics={semantics}
          sortedBy={sortedBy}
          heads={heads ?? NO_HEADS}
          hasKeys={hasKeys}
          selectAll={
            selection && {
              state: selectionState(selectedOnPage, selection.selectable),
              onSelect: selection.selectPage,
            }
          }
        />
        <List role={heads && 'rowgroup'} aria-label={heads ? undefined : label}>
          {rows.map((job) => (
            <JobRow
              key={job.id}
              job={job}
              layout={layout}
              isActive={job.id === tabStop}
              isPreviewed={job.id === previewId}
              isRemoved={removedIds.has(job.id)}
              isSelected={selection?.jobs.has(job.id) ?? false}
            />
          ))}
        </List>
      </div>
    </div>
  );
}

const UNIT_PX = 4;

interface HeaderProps {
  columns: readonly Column[];
  widths: ColumnWidths;
  /** Called with the width of a column; `isOver` when the viewer has let it go. */
  onResize: (column: Column, width: number, isOver: boolean) => void;
  semantics: Semantics;
  sortedBy: SortColumn;
  heads: Partial<Record<Column, SortHeader>>;
  /** Arrow keys move the focus, so that no header is a tab stop. */
  hasKeys: boolean;
  /** Null: the rows of this list cannot be selected. */
  selectAll: { state: 'none' | 'some' | 'all'; onSelect: (checked: boolean) => void } | null;
}

/** The column headers; a column that the list can be sorted by links to the sorted list. */
function JobListHeader(props: HeaderProps) {
  const { columns, semantics, hasKeys, selectAll } = props;
  const t = useTranslations('jobs');
  const isGrid = semantics === 'grid';
  const role = isGrid ? 'columnheader' : undefined;
  return (
    <div
      role={isGrid ? 'rowgroup' : undefined}
      aria-hidden={isGrid ? undefined : true}
      className={`job-head ${isGrid ? '' : 'max-lg:sr-only'}`}
    >
      <div role={isGrid ? 'row' : undefined} className="job-head-row">
        {selectAll && (
          <span role={role} className="js-only w-4 shrink-0">
            {isGrid && (
              <label className="job-tick">
                <input
                  type="checkbox"
                  checked={selectAll.state === 'all'}
                  tabIndex={hasKeys ? -1 : undefined}
                  ref={(input) => {
                    if (input) input.indeterminate = selectAll.state === 'some';
                  }}
                  onChange={(event) => selectAll.onSelect(event.currentTarget.checked)}
                  aria-label={t('selectAll')}
                />
              </label>
            )}
          </span>
        )}
        <div role={role} className="min-w-0 flex-1 lg:min-w-40">
          {t('job')}
        </div>
        {columns.map((column) => (
          <ColumnHeader key={column} column={column} {...props} />
        ))}
        <div role={role} className="w-7 shrink-0 max-lg:hidden">
          {isGrid && <span className="sr-only">{t('actions')}</span>}
        </div>
      </div>
    </div>
  );
}

const clampWidth = (width: number) =>
  Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, Math.round(width / WIDTH_STEP) * WIDTH_STEP));

function ColumnHeader({
  column,
  widths,
  onResize,
  semantics,
  sortedBy,
  heads,
  hasKeys,
}: HeaderProps & { column: Column }) {
  const columnName = useColumnName(sortedBy);
  const isGrid = semantics === 'grid';
  const { href, sorted } = heads[column] ?? {};
  const width = columnWidth(column, widths);
  const onKeyDown = (event: KeyboardEvent) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!event.shiftKey || direction === undefined) return;
    event.preventDefault();
    onResize(column, clampWidth(width + direction * WIDTH_STEP), true);
  };
  return (
    <div
      role={isGrid ? 'columnheader' : undefined}
      aria-sort={isGrid && sorted ? sorted : undefined}
      tabIndex={isGrid ? -1 : undefined}
      onKeyDown={isGrid ? onKeyDown : undefined}
      className={`job-head-cell ${isGrid ? 'max-lg:hidden' : ''} ${columnClass(column, widths)}`}
    >
      {isGrid && <Resizer width={width} onResize={(to, isOver) => onResize(column, to, isOver)} />}
      {href ? (
        <Link
          href={href}
          prefetch={false}
          tabIndex={hasKeys ? -1 : undefined}
          className={`job-sort ${sorted ? 'font-semibold text-ink' : ''}`}
        >
          <span className="truncate">{columnName(column)}</span>
          {sorted && (
            <Icon name={sorted === 'ascending' ? 'fold' : 'unfold'} className="size-3.5" />
          )}
        </Link>
      ) : (
        <span className="block truncate">{columnName(column)}</span>
      )}
    </div>
  );
}

/** The left edge of a column, because the job's column takes up the rest of the width. */
function Resizer({
  width,
  onResize,
}: {
  width: number;
  onResize: (width: number, isOver: boolean) => void;
}) {
  const t = useTranslations('columnMenu');
  const start = useRef<{ x: number; width: number } | null>(null);
  const widthAt = ({ clientX }: PointerEvent) =>
    clampWidth(
      (start.current?.width ?? width) + ((start.current?.x ?? clientX) - clientX) / UNIT_PX,
    );
  return (
    <span
      aria-hidden="true"
      title={t('resize')}
      className="col-resizer js-only"
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { x: event.clientX, width };
      }}
      onPointerMove={(event) => {
        if (start.current) onResize(widthAt(event), false);
      }}
      onPointerUp={(event) => {
        if (start.current) onResize(widthAt(event), true);
        start.current = null;
      }}
      onPointerCancel={() => {
        start.current = null;
      }}
    />
  );
}
