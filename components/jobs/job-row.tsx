'use client';

import { useTranslations } from 'next-intl';
import { Suspense, memo, useId, useState } from 'react';
import { isBlankName } from '@/lib/jobs/links';
import type { Column, JobRow as Row } from '@/lib/jobs/types';
import { useHref } from '../application';
import { Link } from '../link';
import { usePausePolling } from '../polling/polling-provider';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { LinkButton } from '../ui/link-button';
import type { JobActionResult } from './action-dialog';
import { JobCell, columnClass, useColumnName } from './job-cells';
import { JobMenu } from './job-menu';
import { useTooLargeText } from './too-large';

// Loaded when a row is first expanded.
const RawJson = lazyScript(() =>
  import('../raw-json').then(({ RawJson: component }) => ({ default: component })),
);
const JobRowDetails = lazyScript(() =>
  import('./job-row-details').then(({ JobRowDetails: component }) => ({ default: component })),
);

/**
 * ARIA semantics: a sortable list is a table with column headers; in other lists each cell has its
 * own label.
 */
export type Semantics = 'table' | 'list';

interface JobRowProps {
  job: Row;
  columns: readonly Column[];
  semantics: Semantics;
  /** Content of the expanded row: the raw JSON only, or also the arguments and the error. */
  unfolds: 'raw' | 'details';
  /** Link of a label; null renders labels without links. */
  labelHref: ((label: string) => string) | null;
  /** Whether the list no longer contains the job. */
  isRemoved: boolean;
  isSelected: boolean;
  /** Null: the rows of this list cannot be selected. */
  onSelect: ((id: string, checked: boolean, range: boolean) => void) | null;
  onDone: (result: JobActionResult) => void;
}

type CellRole = 'cell' | undefined;

const EXPAND_LABELS = {
  raw: { show: 'jobs.showRaw', hide: 'jobs.hideRaw' },
  details: { show: 'jobs.showDetails', hide: 'jobs.hideDetails' },
} as const;

/**
 * One job: name, columns, actions menu and expandable details. One long function, so that a list of
 * hundreds of rows has few components.
 */
export const JobRow = memo(function JobRow({
  job,
  columns,
  semantics,
  unfolds,
  labelHref,
  isRemoved,
  isSelected,
  onSelect,
  onDone,
}: JobRowProps) {
  const t = useTranslations();
  const columnName = useColumnName();
  const [isExpanded, setExpanded] = useState(false);
  const detailsId = useId();
  usePausePolling(isExpanded);
  const isTable = semantics === 'table';
  const cellRole: CellRole = isTable ? 'cell' : undefined;
  const Item = isTable ? 'div' : 'li';
  const closingColumns: readonly Column[] = columns.filter(
    (column) => column === 'time' || column === 'state',
  );
  const background = isRemoved ? 'bg-sunken' : '';
  return (
    <Item
      role={isTable ? 'row' : undefined}
      className={`px-3 py-2.5 ${isSelected ? 'bg-accent-wash' : background}`}
      data-job={job.id}
    >
      <div className={`job-row ${onSelect ? 'job-row-select' : ''}`}>
        {onSelect && (
          <SelectBox
            id={job.id}
            role={cellRole}
            isSelected={isSelected}
            isDisabled={isRemoved}
            onSelect={onSelect}
          />
        )}
        <JobHead job={job} role={cellRole} hasErrorColumn={columns.includes('error')} />
        <div className="job-facts">
          {columns
            .filter((column) => !closingColumns.includes(column))
            .map((column) => (
              <div key={column} role={cellRole} className={`cell ${columnClass(column)}`}>
                {/* A table has column headers; in a list, screen readers need this label. */}
                <span className={`cell-name ${isTable ? 'lg:hidden' : 'lg:sr-only'}`}>
                  {columnName(column)}
                </span>
                <div className="min-w-0">
                  <JobCell column={column} job={job} labelHref={labelHref} />
                </div>
              </div>
            ))}
        </div>
        <div className="job-close">
          {closingColumns.map((column) => (
            <div key={column} role={cellRole} className={`job-note ${columnClass(column)}`}>
              <JobCell column={column} job={job} labelHref={labelHref} />
            </div>
          ))}
          <span role={cellRole} className="job-tools">
            <ExpandButton
              id={job.id}
              unfolds={unfolds}
              isExpanded={isExpanded}
              detailsId={detailsId}
              onPress={() => setExpanded(!isExpanded)}
            />
            <JobMenu job={job} onDone={onDone} />
          </span>
        </div>
      </div>
      {isRemoved && (
        <p role={cellRole} className="mt-1 text-sm text-soft">
          {t('polling.rowRemoved')}
        </p>
      )}
      <div role={cellRole} id={detailsId} className={isExpanded ? 'mt-2' : undefined}>
        {isExpanded && <ExpandedDetails id={job.id} unfolds={unfolds} />}
      </div>
    </Item>
  );
});

function SelectBox({
  id,
  role,
  isSelected,
  isDisabled,
  onSelect,
}: {
  id: string;
  role: CellRole;
  isSelected: boolean;
  isDisabled: boolean;
  onSelect: NonNullable<JobRowProps['onSelect']>;
}) {
  const t = useTranslations('jobs');
  return (
    <span role={role} className="js-only row-span-3 pt-px lg:pt-0">
      <label className="job-tick">
        <input
          type="checkbox"
          checked={isSelected}
          disabled={isDisabled}
          // A change event does not have the state of the Shift key.
          onClick={(event) => onSelect(id, event.currentTarget.checked, event.shiftKey)}
          onChange={() => undefined}
          aria-label={t('select', { id })}
        />
      </label>
    </span>
  );
}

/** The job's class, id and error. */
function JobHead({
  job,
  role,
  hasErrorColumn,
}: {
  job: Row;
  role: CellRole;
  hasErrorColumn: boolean;
}) {
  const t = useTranslations('jobs');
  const tooLargeText = useTooLargeText();
  // The error is the most important fact of a failed job, so it is shown even without its column.
  const showsError =
    (job.state === 'discarded' || job.state === 'retried') &&
    Boolean(job.error?.trim()) &&
    !hasErrorColumn;
  return (
    <div role={role} className="job-head">
      <Link href={`/jobs/${job.id}`} prefetch={false} className="job-name">
        {isBlankName(job.jobClass) ? t('noClass') : job.jobClass}
      </Link>
      <span className="job-id">{job.id}</span>
      {job.tooLarge ? (
        <span className="text-sm text-soft">{tooLargeText(job.tooLarge)}</span>
      ) : (
        showsError && <span className="job-error">{job.error}</span>
      )}
    </div>
  );
}

function ExpandButton({
  id,
  unfolds,
  isExpanded,
  detailsId,
  onPress,
}: {
  id: string;
  unfolds: JobRowProps['unfolds'];
  isExpanded: boolean;
  detailsId: string;
  onPress: () => void;
}) {
  const t = useTranslations();
  const href = useHref();
  const labels = EXPAND_LABELS[unfolds];
  const label = t(isExpanded ? labels.hide : labels.show, { id });
  return (
    <LinkButton
      href={href(`/jobs/${id}?raw=1#raw`)}
      aria-expanded={isExpanded}
      aria-controls={detailsId}
      aria-label={label}
      title={label}
      onPress={onPress}
    >
      <Icon name={isExpanded ? 'fold' : 'unfold'} />
    </LinkButton>
  );
}

function ExpandedDetails({ id, unfolds }: { id: string; unfolds: JobRowProps['unfolds'] }) {
  const t = useTranslations();
  return (
    <Suspense fallback={<p className="text-soft">{t('common.loading')}</p>}>
      {unfolds === 'raw' ? (
        <RawJson path={`/api/jobs/${id}/raw`} label={t('jobs.raw')} />
      ) : (
        <JobRowDetails id={id} />
      )}
    </Suspense>
  );
}
