'use client';

import { useTranslations } from 'next-intl';
import type { SortHeader } from '@/lib/jobs/order';
import type { Column } from '@/lib/jobs/types';
import { Link } from '../link';
import { Icon } from '../ui/icon';
import { columnClass, useColumnName } from './job-cells';
import type { Semantics } from './job-row';

interface Props {
  columns: readonly Column[];
  semantics: Semantics;
  heads: Partial<Record<Column, SortHeader>>;
  /** Null: the rows of this list cannot be selected. */
  selectAll: { state: 'none' | 'some' | 'all'; onSelect: (checked: boolean) => void } | null;
}

/** The column headers; a column with an index for its order links to the sorted list. */
export function JobListHeader({ columns, semantics, heads, selectAll }: Props) {
  const t = useTranslations('jobs');
  const columnName = useColumnName();
  const isTable = semantics === 'table';
  const role = isTable ? 'columnheader' : undefined;
  return (
    <div
      role={isTable ? 'rowgroup' : undefined}
      aria-hidden={isTable ? undefined : true}
      className={
        'rounded-t-md border-b border-line bg-sunken px-3 py-1.5 text-sm text-soft ' +
        (isTable ? 'max-lg:py-1' : 'max-lg:sr-only')
      }
    >
      <div
        role={isTable ? 'row' : undefined}
        className={`job-row ${selectAll ? 'job-row-select' : ''}`}
      >
        {selectAll && (
          <span role={role} className="js-only lg:w-4">
            {isTable && (
              <label className="job-tick">
                <input
                  type="checkbox"
                  checked={selectAll.state === 'all'}
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
        <div role={role} className={`min-w-0 flex-1 lg:min-w-48`}>
          {t('job')}
        </div>
        <div className="flex flex-wrap gap-x-3 lg:contents">
          {columns.map((column) => {
            const { href, sorted } = heads[column] ?? {};
            return (
              <div
                key={column}
                role={role}
                aria-sort={isTable && sorted ? sorted : undefined}
                className={`any-break lg:shrink-0 ${href || !isTable ? '' : 'max-lg:hidden'} ${columnClass(column)}`}
              >
                {href ? (
                  <Link
                    href={href}
                    prefetch={false}
                    className={
                      'inline-flex items-center gap-0.5 no-underline hover:text-ink hover:underline ' +
                      (sorted ? 'font-semibold text-ink' : 'text-soft')
                    }
                  >
                    {columnName(column)}
                    {sorted ? (
                      <Icon
                        name={sorted === 'ascending' ? 'fold' : 'unfold'}
                        className="size-3.5"
                      />
                    ) : (
                      <Icon name="sort" className="size-3.5 opacity-60" />
                    )}
                  </Link>
                ) : (
                  columnName(column)
                )}
              </div>
            );
          })}
        </div>
        <div role={role} className="max-lg:hidden lg:w-16">
          {isTable && <span className="sr-only">{t('actions')}</span>}
        </div>
      </div>
    </div>
  );
}
