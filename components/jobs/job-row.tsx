'use client';

import { useTranslations } from 'next-intl';
import { memo, type MouseEvent, Suspense, useId, useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/types';
import type { SortColumn } from '@/lib/jobs/filters';
import { isBlankName } from '@/lib/jobs/links';
import type { Column, ColumnWidths, JobRow as Row } from '@/lib/jobs/types';
import { useHref } from '../application';
import { Link } from '../navigation';
import { useDenials } from '../permissions';
import { usePausePolling } from '../polling/polling-provider';
import { LinkButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { Menu } from '../ui/menu';
import { DESTRUCTIVE, disabledReason, MENU_ACTIONS } from './action-rules';
import { Marked, RowCells } from './job-cells';
import { useTooLargeText } from './omitted-text';

// Loaded when a row is first expanded.
const RawJson = lazyScript(() =>
  import('../raw-json').then(({ RawJson: component }) => ({ default: component })),
);

/**
 * ARIA semantics: a sortable list is a grid with column headers; in other lists each cell has its
 * own label.
 */
export type Semantics = 'grid' | 'list';

/** Opens the dialog of an action; `opener` gets the focus afterwards. */
export type OnAction = (job: Row, action: JobAction, opener: HTMLElement | null) => void;

/** What all rows of a list share. */
export interface RowLayout {
  columns: readonly Column[];
  widths: ColumnWidths;
  semantics: Semantics;
  sortedBy: SortColumn;
  /** Texts that the list's search looks for. */
  marks: readonly string[];
  /** Link of a label; null renders labels without links. */
  labelHref: ((label: string) => string) | null;
  /** Arrow keys move the focus, so that only the row itself is a tab stop. */
  hasKeys: boolean;
  /** Whether rows expand to their raw JSON. */
  unfolds: boolean;
  /** Null: the rows of this list cannot be selected. */
  onSelect: ((job: Row, checked: boolean, range: boolean) => void) | null;
  /** Shows the job beside the list; null: its link leads to its page. */
  onPreview: ((id: string) => void) | null;
  onFocus: (id: string) => void;
  onAction: OnAction;
}

interface JobRowProps {
  job: Row;
  layout: RowLayout;
  /** Whether this row is the tab stop of the list. */
  isActive: boolean;
  isPreviewed: boolean;
  /** Whether the list no longer contains the job. */
  isRemoved: boolean;
  isSelected: boolean;
}

type CellRole = 'gridcell' | undefined;

const INTERACTIVE = 'a, button, input, label, summary, pre, dialog, [popover], [role="group"]';

/** Whether a click was meant for the row, and not for a control or to select its text. */
function isClickOnRow({ target, currentTarget }: MouseEvent<HTMLElement>): boolean {
  if (!(target instanceof Element) || target.closest(INTERACTIVE)) return false;
  return currentTarget.contains(target) && getSelection()?.type !== 'Range';
}

const isPlainClick = (event: MouseEvent) =>
  event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;

/** One job: what it runs with its arguments, its columns and its menu. */
export const JobRow = memo(function JobRow({
  job,
  layout,
  isActive,
  isPreviewed,
  isRemoved,
  isSelected,
}: JobRowProps) {
  const t = useTranslations('polling');
  const { semantics, unfolds, onSelect, onPreview, onFocus, hasKeys } = layout;
  const [isExpanded, setExpanded] = useState(false);
  const detailsId = useId();
  usePausePolling(isExpanded);
  const isGrid = semantics === 'grid';
  const role: CellRole = isGrid ? 'gridcell' : undefined;
  const tabIndex = hasKeys ? -1 : undefined;
  const Item = isGrid ? 'div' : 'li';
  return (
    <Item
      role={isGrid ? 'row' : undefined}
      data-job={job.id}
      data-mark={markOf({ isSelected, isPreviewed, isRemoved })}
      aria-selected={isGrid && onSelect ? isSelected : undefined}
      tabIndex={isActive ? 0 : -1}
      className={`job-row ${onSelect ? 'job-row-select' : ''}`}
      onFocus={() => onFocus(job.id)}
      onClick={
        onPreview
          ? (event) => isPlainClick(event) && isClickOnRow(event) && onPreview(job.id)
          : undefined
      }
    >
      {onSelect && (
        <span role={role} className="js-only">
          <SelectBox job={job} isSelected={isSelected} isDisabled={isRemoved} layout={layout} />
        </span>
      )}
      <JobHead job={job} role={role} layout={layout} />
      <RowCells job={job} role={role} layout={layout} />
      <span role={role} className="job-tools">
        {unfolds && (
          <ExpandButton
            id={job.id}
            isExpanded={isExpanded}
            detailsId={detailsId}
            tabIndex={tabIndex}
            onPress={() => setExpanded(!isExpanded)}
          />
        )}
        <JobMenu job={job} tabIndex={tabIndex} onAction={layout.onAction} />
      </span>
      {isRemoved && (
        <p role={role} className="job-extra text-soft">
          {t('rowRemoved')}
        </p>
      )}
      {unfolds && (
        <div role={role} id={detailsId} className={isExpanded ? 'job-extra' : 'hidden'}>
          {isExpanded && <ExpandedDetails id={job.id} />}
        </div>
      )}
    </Item>
  );
});

function markOf(flags: Pick<JobRowProps, 'isSelected' | 'isPreviewed' | 'isRemoved'>) {
  if (flags.isPreviewed) return 'previewed';
  if (flags.isSelected) return 'selected';
  return flags.isRemoved ? 'removed' : undefined;
}

function SelectBox({
  job,
  isSelected,
  isDisabled,
  layout: { onSelect, hasKeys },
}: {
  job: Row;
  isSelected: boolean;
  isDisabled: boolean;
  layout: RowLayout;
}) {
  const t = useTranslations('jobs');
  return (
    <label className="job-tick">
      <input
        type="checkbox"
        checked={isSelected}
        disabled={isDisabled}
        tabIndex={hasKeys ? -1 : undefined}
        // A change event does not have the state of the Shift key.
        onClick={(event) => onSelect?.(job, event.currentTarget.checked, event.shiftKey)}
        onChange={() => undefined}
        aria-label={t('select', { id: job.id })}
      />
    </label>
  );
}

/** Error events that say no more than the state of a discarded job. */
const USUAL_EVENTS: ReadonlySet<string | null> = new Set(['discarded', 'unhandled']);

/** What the job runs, its arguments in one line, and the error of a failed job in another. */
function JobHead({
  job,
  role,
  layout: { columns, marks, hasKeys, onPreview },
}: {
  job: Row;
  role: CellRole;
  layout: RowLayout;
}) {
  const t = useTranslations();
  const tooLargeText = useTooLargeText();
  const name = isBlankName(job.jobClass) ? t('jobs.noClass') : (job.unwrapped ?? job.jobClass);
  // The error is the most important fact of a failed job, so it is shown even without its column.
  const hasError =
    (job.state === 'discarded' || job.state === 'retried') &&
    Boolean(job.error?.trim()) &&
    !columns.includes('error');
  const event =
    job.state === 'discarded' && !USUAL_EVENTS.has(job.errorEvent) ? job.errorEvent : null;
  return (
    <div role={role} className="job-main">
      <div className="job-line">
        <Link
          href={`/jobs/${job.id}`}
          prefetch={false}
          tabIndex={hasKeys ? -1 : undefined}
          title={job.unwrapped ? (job.jobClass ?? undefined) : undefined}
          className="job-name"
          onClick={(event) => {
            // Enter opens the page: its click has no detail.
            if (!onPreview || !isPlainClick(event) || event.detail === 0) return;
            event.preventDefault();
            onPreview(job.id);
          }}
        >
          <Marked text={name ?? ''} marks={marks} />
        </Link>
        {job.line !== null && (
          <span className="job-args">
            <Marked text={job.line} marks={marks} />
          </span>
        )}
        <span className="job-id">{job.id.slice(0, 8)}</span>
      </div>
      {job.tooLarge && <div className="job-error text-soft">{tooLargeText(job.tooLarge)}</div>}
      {!job.tooLarge && hasError && (
        <div className="job-error">
          <span className="truncate">
            <Marked text={job.error ?? ''} marks={marks} />
          </span>
          {event && <span className="job-event">{t(`errorEvents.${event}`)}</span>}
        </div>
      )}
    </div>
  );
}

/** The actions menu of a job's row; without JavaScript, a link to the job's page. */
function JobMenu({
  job,
  tabIndex,
  onAction,
}: {
  job: Row;
  tabIndex: -1 | undefined;
  onAction: OnAction;
}) {
  const t = useTranslations();
  const href = useHref();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  usePausePolling(open);
  const items = () =>
    MENU_ACTIONS.map((name) => {
      const reason = disabledReason(name, job, denials);
      return {
        key: name,
        text: t(`actions.${name}.menu`),
        reason: reason && t(`actions.why.${reason}`),
        isDestructive: DESTRUCTIVE.has(name),
        onSelect: () => onAction(job, name, trigger.current),
      };
    });
  return (
    <Menu
      label={t('jobs.menu', { id: job.id })}
      href={href(`/jobs/${job.id}#actions`)}
      open={open}
      onOpenChange={setOpen}
      trigger={trigger}
      tabIndex={tabIndex}
      items={items}
    />
  );
}

function ExpandButton({
  id,
  isExpanded,
  detailsId,
  tabIndex,
  onPress,
}: {
  id: string;
  isExpanded: boolean;
  detailsId: string;
  tabIndex: -1 | undefined;
  onPress: () => void;
}) {
  const t = useTranslations('jobs');
  const href = useHref();
  const label = t(isExpanded ? 'hideRaw' : 'showRaw', { id });
  return (
    <LinkButton
      href={href(`/jobs/${id}?raw=1#raw`)}
      aria-expanded={isExpanded}
      aria-controls={detailsId}
      aria-label={label}
      title={label}
      tabIndex={tabIndex}
      onPress={onPress}
    >
      <Icon name={isExpanded ? 'fold' : 'unfold'} />
    </LinkButton>
  );
}

function ExpandedDetails({ id }: { id: string }) {
  const t = useTranslations();
  return (
    <Suspense fallback={<p className="text-soft">{t('common.loading')}</p>}>
      <RawJson path={`/api/jobs/${id}/raw`} label={t('jobs.raw')} />
    </Suspense>
  );
}
