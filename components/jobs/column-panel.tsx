'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { type FormEvent, useState } from 'react';
import {
  COLUMNS,
  COLUMNS_COOKIE,
  type Column,
  DEFAULT_COLUMNS,
  DENSITY_COOKIE,
  type Density,
  MAX_ARGUMENT_PATHS,
  WIDTHS_COOKIE,
  sortColumns,
  isArgumentPath,
  printColumns,
} from '@/lib/jobs/types';
import { useApplication } from '../application';
import { setPreferenceCookie } from '../display-settings';
import { Button } from '../ui/button';
import { useColumnName } from './job-cells';

/** The row height, the available columns, and custom columns for paths in the arguments. */
export default function ColumnPanel({
  columns: initialColumns,
  density,
}: {
  columns: readonly Column[];
  density: Density;
}) {
  const t = useTranslations('columnMenu');
  const name = useColumnName();
  const router = useRouter();
  const { basePath } = useApplication();
  // Updated at once; the list follows after a refresh of the route.
  const [columns, setColumns] = useState(initialColumns);
  const paths = columns.filter(isArgumentPath);

  function applyColumns(selected: readonly Column[]) {
    const next = sortColumns(selected.length > 0 ? selected : DEFAULT_COLUMNS);
    setColumns(next);
    setPreferenceCookie(COLUMNS_COOKIE, printColumns(next), basePath);
    router.refresh();
  }
  return (
    <div className="w-72 max-w-full max-sm:w-auto">
      <DensityChoice density={density} />
      <ul className="grid grid-cols-2 gap-x-3">
        {[...COLUMNS, ...paths].map((column) => (
          <li key={column} className={isArgumentPath(column) ? 'col-span-2' : ''}>
            <label className="flex min-h-[26px] items-center gap-2">
              <input
                type="checkbox"
                checked={columns.includes(column)}
                onChange={(event) =>
                  applyColumns(
                    event.target.checked
                      ? [...columns, column]
                      : columns.filter((other) => other !== column),
                  )
                }
                className="size-4 shrink-0 accent-accent"
              />
              <span className={isArgumentPath(column) ? 'font-mono text-sm any-break' : ''}>
                {name(column)}
              </span>
            </label>
          </li>
        ))}
      </ul>
      <PathForm paths={paths} onAdd={(path) => applyColumns([...columns, path])} />
      <Button
        kind="quiet"
        className="mt-2 -ml-2"
        onClick={() => {
          setPreferenceCookie(WIDTHS_COOKIE, null, basePath);
          applyColumns(DEFAULT_COLUMNS);
        }}
      >
        {t('reset')}
      </Button>
    </div>
  );
}

const DENSITIES = ['comfortable', 'compact'] as const;

function DensityChoice({ density: initialDensity }: { density: Density }) {
  const t = useTranslations('columnMenu');
  const router = useRouter();
  const { basePath } = useApplication();
  const [density, setDensity] = useState(initialDensity);
  return (
    <fieldset className="mb-2 border-b border-line pb-2">
      <legend className="text-xs text-soft">{t('density')}</legend>
      <div className="flex gap-4">
        {DENSITIES.map((name) => (
          <label key={name} className="flex min-h-[26px] items-center gap-2">
            <input
              type="radio"
              name="density"
              checked={density === name}
              onChange={() => {
                setDensity(name);
                setPreferenceCookie(DENSITY_COOKIE, name, basePath);
                router.refresh();
              }}
              className="size-4 accent-accent"
            />
            {t(`densities.${name}`)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** Adds a column for a path in the arguments; `paths` are the columns of that kind. */
function PathForm({ paths, onAdd }: { paths: Column[]; onAdd: (path: Column) => void }) {
  const t = useTranslations('columnMenu');
  const [path, setPath] = useState('');
  const [hasProblem, setHasProblem] = useState(false);
  function addPath(event: FormEvent) {
    event.preventDefault();
    const column = `args.${path.trim().replace(/^args\.?/, '')}`;
    if (!isArgumentPath(column) || paths.length >= MAX_ARGUMENT_PATHS) return setHasProblem(true);
    setPath('');
    setHasProblem(false);
    onAdd(column);
  }
  return (
    <form onSubmit={addPath} className="mt-2 border-t border-line pt-2">
      <label className="block text-sm text-soft" htmlFor="column-path">
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
          aria-invalid={hasProblem}
          aria-describedby={hasProblem ? 'column-path-problem' : undefined}
          className="control min-w-0 flex-1 font-mono text-sm"
        />
        <Button type="submit">{t('add')}</Button>
      </div>
      {hasProblem && (
        <p id="column-path-problem" role="alert" className="mt-1 text-sm text-danger">
          {paths.length >= MAX_ARGUMENT_PATHS
            ? t('tooMany', { most: MAX_ARGUMENT_PATHS })
            : t('badPath')}
        </p>
      )}
    </form>
  );
}
