'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { Suspense, memo, useId, useState } from 'react';
import type { Column } from '@/lib/jobs/columns';
import { isBlankName } from '@/lib/jobs/links';
import type { JobRow as Row } from '@/lib/jobs/types';
import { Dismissible } from '../dismissible';
import { usePausePolling, useLive } from '../live';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { LinkButton } from '../ui/link-button';
import type { DoneAction } from './action-dialog';
import { JobCell, columnClass, useColumnName } from './job-cells';
import { JobMenu } from './job-menu';
import { useTooLargeText } from './too-large';

// What a row unfolds to, and what became of an action, come with the first of their kind.
const RawJson = lazyScript(() =>
  import('../raw-json').then(({ RawJson: component }) => ({ default: component })),
);
const ActedText = lazyScript(() =>
  import('./outcome-text').then(({ ActedText: component }) => ({ default: component })),
);
const JobUnfolded = lazyScript(() =>
  import('./job-unfolded').then(({ JobUnfolded: component }) => ({ default: component })),
);

/** What a list is to a screen reader: a table where it can be sorted, else a list whose cells bring their names along. */
export type Semantics = 'table' | 'list';

export interface JobRowProps {
  job: Row;
  columns: readonly Column[];
  semantics: Semantics;
  /** What it unfolds to: the raw JSON alone, or that behind arguments and error. */
  unfolds: 'raw' | 'details';
  /** The list that has a label; null: there is none to go to. */
  labelHref: ((label: string) => string) | null;
  /** It is in the list no more. */
  left: boolean;
  selected: boolean;
  /** Null: rows of this list cannot be chosen. */
  onSelect: ((id: string, checked: boolean, range: boolean) => void) | null;
  acted: DoneAction | undefined;
  onDone: (acted: DoneAction) => void;
  onDismiss: (id: string) => void;
}

/** One job: what it is, its chosen columns, its menu, and what it unfolds to. */
export const JobRow = memo(function JobRow({
  job,
  columns,
  semantics,
  unfolds,
  labelHref,
  left,
  selected,
  onSelect,
  acted,
  onDone,
  onDismiss,
}: JobRowProps) {
  const t = useTranslations();
  const { basePath } = useLive();
  const columnName = useColumnName();
  const tooLargeText = useTooLargeText();
  const [unfolded, setUnfolded] = useState(false);
  const details = useId();
  usePausePolling(unfolded);
  const table = semantics === 'table';
  const cell = table ? 'cell' : undefined;
  const Item = table ? 'div' : 'li';
  // What stopped a job is what its reader has come for, unless there is a column of it.
  const saysWhy =
    (job.state === 'discarded' || job.state === 'retried') &&
    Boolean(job.error?.trim()) &&
    !columns.includes('error');
  const closing: readonly Column[] = columns.filter(
    (column) => column === 'time' || column === 'state',
  );
  const showLabel = t(
    unfolds === 'raw'
      ? unfolded
        ? 'jobs.hideRaw'
        : 'jobs.showRaw'
      : unfolded
        ? 'jobs.hideDetails'
        : 'jobs.showDetails',
    { id: job.id },
  );
  return (
    <Item
      role={table ? 'row' : undefined}
      className={`px-3 py-2.5 ${selected ? 'bg-accent-wash' : left ? 'bg-sunken' : ''}`}
      data-job={job.id}
    >
      <div className={`job-row ${onSelect ? 'job-row-select' : ''}`}>
        {onSelect && (
          <span role={cell} className="js-only row-span-3 pt-px lg:pt-0">
            <label className="job-tick">
              <input
                type="checkbox"
                checked={selected}
                disabled={left}
                // The change itself does not tell whether Shift was held.
                onClick={(event) => onSelect(job.id, event.currentTarget.checked, event.shiftKey)}
                onChange={() => undefined}
                aria-label={t('jobs.select', { id: job.id })}
              />
            </label>
          </span>
        )}
        <div role={cell} className="job-head">
          <Link href={`/jobs/${job.id}`} prefetch={false} className="job-name">
            {isBlankName(job.jobClass) ? t('jobs.noClass') : job.jobClass}
          </Link>
          <span className="job-id">{job.id}</span>
          {job.tooLarge ? (
            <span className="text-[13px] text-soft">{tooLargeText(job.tooLarge)}</span>
          ) : (
            saysWhy && <span className="job-error">{job.error}</span>
          )}
        </div>
        <div className="job-facts">
          {columns
            .filter((column) => !closing.includes(column))
            .map((column) => (
              <div key={column} role={cell} className={`cell ${columnClass(column)}`}>
                {/* Where there are column heads they name the cells of a table; a list has no heads for its reader. */}
                <span className={`cell-name ${table ? 'lg:hidden' : 'lg:sr-only'}`}>
                  {columnName(column)}
                </span>
                <div className="min-w-0">
                  <JobCell column={column} job={job} labelHref={labelHref} />
                </div>
              </div>
            ))}
        </div>
        <div className="job-close">
          {closing.map((column) => (
            <div key={column} role={cell} className={`job-note ${columnClass(column)}`}>
              <JobCell column={column} job={job} labelHref={labelHref} />
            </div>
          ))}
          <span role={cell} className="job-tools">
            <LinkButton
              href={`${basePath}/jobs/${job.id}?raw=1#raw`}
              aria-expanded={unfolded}
              aria-controls={details}
              aria-label={showLabel}
              title={showLabel}
              onPress={() => setUnfolded(!unfolded)}
            >
              <Icon name={unfolded ? 'fold' : 'unfold'} />
            </LinkButton>
            <JobMenu job={job} onDone={onDone} />
          </span>
        </div>
      </div>
      {left && (
        <p role={cell} className="mt-1 text-[13px] text-soft">
          {t('live.left')}
        </p>
      )}
      {acted && (
        <div role={cell} className="mt-1">
          <ActionResultLine acted={acted} onDismiss={onDismiss} />
        </div>
      )}
      <div role={cell} id={details} className={unfolded ? 'mt-2' : undefined}>
        {unfolded && (
          <Suspense fallback={<p className="text-soft">{t('common.loading')}</p>}>
            {unfolds === 'raw' ? (
              <RawJson path={`/api/jobs/${job.id}/raw`} label={t('jobs.raw')} />
            ) : (
              <JobUnfolded id={job.id} />
            )}
          </Suspense>
        )}
      </div>
    </Item>
  );
});

/** What an action of this list came to. `withId`: the row is gone, so the line says which job it was. */
export function ActionResultLine({
  acted,
  withId,
  onDismiss,
}: {
  acted: DoneAction;
  withId?: boolean;
  onDismiss: (id: string) => void;
}) {
  return (
    <Suspense>
      <Dismissible onDismiss={() => onDismiss(acted.id)}>
        <ActedText acted={acted} withId={withId} />
      </Dismissible>
    </Suspense>
  );
}
