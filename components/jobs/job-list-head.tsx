'use client';

import { useTranslations } from 'next-intl';
import { type KeyboardEvent, type PointerEvent, useRef } from 'react';
import type { SortColumn } from '@/lib/jobs/filters';
import type { SortHeader } from '@/lib/jobs/order';
import { type Column, type ColumnWidths, MAX_WIDTH, MIN_WIDTH, WIDTH_STEP } from '@/lib/jobs/types';
import { Link } from '../link';
import { Icon } from '../ui/icon';
import { columnClass, columnWidth, useColumnName } from './job-cells';
import type { Semantics } from './job-row';

const UNIT_PX = 4;

interface Props {
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
export function JobListHeader(props: Props) {
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
}: Props & { column: Column }) {
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
