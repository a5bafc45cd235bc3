'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { Column } from '@/lib/jobs/columns';
import type { SortHead } from '@/lib/jobs/order';
import { Icon } from '../ui/icon';
import { columnClass, useColumnName } from './job-cells';
import type { Semantics } from './job-row';

interface Props {
  columns: readonly Column[];
  semantics: Semantics;
  heads: Partial<Record<Column, SortHead>>;
  /** Null: rows of this list cannot be chosen. */
  all: { state: 'none' | 'some' | 'all'; onSelect: (checked: boolean) => void } | null;
}

/** The column heads; those that an index keeps in order are links that sort by it. */
export function JobListHead({ columns, semantics, heads, all }: Props) {
  const t = useTranslations('jobs');
  const columnName = useColumnName();
  const table = semantics === 'table';
  const head = table ? 'columnheader' : undefined;
  return (
    <div
      role={table ? 'rowgroup' : undefined}
      aria-hidden={table ? undefined : true}
      className={`rounded-t-md border-b border-line bg-sunken px-3 py-1.5 text-[13px] text-soft ${table ? 'max-lg:py-1' : 'max-lg:sr-only'}`}
    >
      <div role={table ? 'row' : undefined} className={`job-row ${all ? 'job-row-select' : ''}`}>
        {all && (
          <span role={head} className="js-only lg:w-4">
            {table && (
              <label className="job-tick">
                <input
                  type="checkbox"
                  checked={all.state === 'all'}
                  ref={(input) => {
                    if (input) input.indeterminate = all.state === 'some';
                  }}
                  onChange={(event) => all.onSelect(event.currentTarget.checked)}
                  aria-label={t('selectAll')}
                />
              </label>
            )}
          </span>
        )}
        <div role={head} className={`min-w-0 flex-1 lg:min-w-48`}>
          {t('job')}
        </div>
        <div className="flex flex-wrap gap-x-3 lg:contents">
          {columns.map((column) => {
            const { href, sorted } = heads[column] ?? {};
            return (
              <div
                key={column}
                role={head}
                aria-sort={table && sorted ? sorted : undefined}
                className={`any-break lg:shrink-0 ${href || !table ? '' : 'max-lg:hidden'} ${columnClass(column)}`}
              >
                {href ? (
                  <Link
                    href={href}
                    prefetch={false}
                    className={`inline-flex items-center gap-0.5 no-underline hover:text-ink hover:underline ${sorted ? 'font-semibold text-ink' : 'text-soft'}`}
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
        <div role={head} className="max-lg:hidden lg:w-16">
          {table && <span className="sr-only">{t('actions')}</span>}
        </div>
      </div>
    </div>
  );
}
