'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { type FormEvent, useState } from 'react';
import {
  COLUMNS,
  COLUMNS_COOKIE,
  type Column,
  DEFAULT_COLUMNS,
  MOST_PATHS,
  inOrder,
  isPath,
  printColumns,
} from '@/lib/jobs/columns';
import { keepCookie } from '../keep-cookie';
import { useLive } from '../live';
import { Button } from '../ui/button';
import { useColumnName } from './job-cells';

/** The columns to choose from, and paths of the arguments as columns of one's own. */
export default function ColumnPanel({ columns: given }: { columns: readonly Column[] }) {
  const t = useTranslations('columnMenu');
  const name = useColumnName();
  const router = useRouter();
  const { basePath } = useLive();
  // At once, the list follows.
  const [columns, setColumns] = useState(given);
  const [path, setPath] = useState('');
  const [problem, setProblem] = useState(false);
  const paths = columns.filter(isPath);

  function choose(chosen: readonly Column[]) {
    const next = inOrder(chosen.length > 0 ? chosen : DEFAULT_COLUMNS);
    setColumns(next);
    keepCookie(COLUMNS_COOKIE, printColumns(next), basePath);
    router.refresh();
  }
  function addPath(event: FormEvent) {
    event.preventDefault();
    const column = `args.${path.trim().replace(/^args\.?/, '')}`;
    if (!isPath(column) || paths.length >= MOST_PATHS) return setProblem(true);
    setPath('');
    setProblem(false);
    choose([...columns, column]);
  }
  return (
    <div className="w-64 max-w-full max-sm:w-auto">
      <ul className="grid grid-cols-2 gap-x-3">
        {[...COLUMNS, ...paths].map((column) => (
          <li key={column} className={isPath(column) ? 'col-span-2' : ''}>
            <label className="flex min-h-[26px] items-center gap-2">
              <input
                type="checkbox"
                checked={columns.includes(column)}
                onChange={(event) =>
                  choose(
                    event.target.checked
                      ? [...columns, column]
                      : columns.filter((one) => one !== column),
                  )
                }
                className="size-4 shrink-0 accent-accent"
              />
              <span className={isPath(column) ? 'font-mono text-[13px] any-break' : ''}>
                {name(column)}
              </span>
            </label>
          </li>
        ))}
      </ul>
      <form onSubmit={addPath} className="mt-2 border-t border-line pt-2">
        <label className="block text-[13px] text-soft" htmlFor="column-path">
          {t('path')}
        </label>
        <div className="mt-1 flex gap-2">
          <input
            id="column-path"
            value={path}
            onChange={(event) => setPath(event.target.value)}
            placeholder="args.0.invoice_id"
            autoComplete="off"
            spellCheck={false}
            aria-invalid={problem}
            aria-describedby={problem ? 'column-path-problem' : undefined}
            className="control min-w-0 flex-1 font-mono text-[13px]"
          />
          <Button type="submit">{t('add')}</Button>
        </div>
        {problem && (
          <p id="column-path-problem" role="alert" className="mt-1 text-[13px] text-danger">
            {paths.length >= MOST_PATHS ? t('tooMany', { most: MOST_PATHS }) : t('badPath')}
          </p>
        )}
      </form>
      {printColumns(columns) !== null && (
        <Button kind="quiet" className="mt-2 -ml-2" onClick={() => choose(DEFAULT_COLUMNS)}>
          {t('reset')}
        </Button>
      )}
    </div>
  );
}
