'use client';

import { useTranslations } from 'next-intl';
import { type RefObject, useMemo, useState, useSyncExternalStore } from 'react';
import type { SortColumn } from '@/lib/jobs/filters';
import type { SortHeader } from '@/lib/jobs/order';
import {
  type Column,
  type ColumnWidths,
  DEFAULT_COLUMNS,
  type Density,
  type JobRow as Row,
  WIDTHS_COOKIE,
  printColumns,
  printWidths,
} from '@/lib/jobs/types';
import { useApplication } from '../application';
import { setPreferenceCookie } from '../preference-cookie';
import { JobListHeader } from './job-list-head';
import type { OnAction } from './job-menu';
import { JobRow, type RowLayout } from './job-row';
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
